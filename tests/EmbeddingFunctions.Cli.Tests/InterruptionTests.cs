using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Ctrl-C and SIGTERM.</summary>
public sealed class InterruptionTests : ProgramTest
{
    private const int Items = 400;

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(50) };

    [Theory]
    [InlineData(Running.SigInt)]
    [InlineData(Running.SigTerm)]
    public async Task F42_An_interrupted_backfill_gives_back_what_it_holds_and_says_how_to_go_on(int signal)
    {
        await Fill();
        using var hold = Fake.Hold(Requests.Where(request => request.Number > 2));
        await using var running = Program.Start("backfill", "workspace", "--json");
        await hold.WaitForHeldAsync(3, Running.Patience);
        var result = (await Interrupt(running, signal)).Says("The same command again goes on");
        Assert.Equal("cancelled", result.Text("status"));
        Assert.Equal(2d * Batch / Items, result.Json.GetProperty("processedShare").GetDouble(), 3);
        Assert.Equal("cancelled", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
        Assert.Equal(0, await Claims());
        Assert.Equal(2 * Batch, await Workspace.Embedded());

        hold.Release();
        Assert.Equal(Items - (2 * Batch), (await Backfill()).Exits(0).Number("embedded"));
        Assert.Equal(0, Fake.DuplicatePaidInputs);
        await AssertWhole();
    }

    [Fact]
    public async Task F42_Interrupted_at_any_moment_it_holds_nothing_and_loses_nothing()
    {
        var seed = Environment.TickCount;
        Console.WriteLine($"{nameof(F42_Interrupted_at_any_moment_it_holds_nothing_and_loses_nothing)}: seed {seed}");
        var random = new Random(seed);
        await Fill();
        for (var round = 0; round < 4; round++)
        {
            await AllowStarts();
            await using var running = Program.Start("backfill", "workspace", "--concurrency", "2", "--batch-size", "2");
            await Fake.WaitForRequestsAsync(Fake.RequestCount + random.Next(1, 8), Running.Patience);
            await Task.Delay(random.Next(0, 60));
            await Interrupt(running, random.Next(2) == 0 ? Running.SigInt : Running.SigTerm);
            Assert.True(await Claims() == 0, $"Claims are left over; seed {seed}, round {round}.");
        }

        await AllowStarts();
        (await Backfill()).Exits(0);
        await AssertWhole();
    }

    [Fact]
    public async Task A_database_that_answers_nothing_does_not_keep_it_longer_than_ten_seconds()
    {
        await Fill();
        using var hold = Fake.Hold();
        await using var running = Program.Start("backfill", "workspace", "--json");
        await hold.WaitForHeldAsync(1, Running.Patience);
        await using var connection = await Database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await new NpgsqlCommand("LOCK TABLE embedding.claims", connection, transaction).ExecuteNonQueryAsync();
        var result = (await Interrupt(running, Running.SigInt)).Says("claims run out within 30 seconds");
        Assert.Equal(130, result.Number("exitCode"));
    }

    [Fact]
    public async Task An_answer_that_is_being_written_when_patience_ends_is_written_whole()
    {
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, reason, failed_at)
            SELECT 'workspace', 'issue', id, '', repeat('why ', 100), now() FROM generate_series(1, 1000) id
            """);

        // The pipe is full when the program is asked to stop, and stays so until after the eight seconds that it has; a busy machine may be
        // too late.
        const string Script =
            """
            sh -c 'echo $$ > PID; exec {program} failures list workspace --limit 1000 --json' \
                | { dd bs=1 count=1 2> PID.dd; kill -TERM "$(cat PID)"; sleep 8.5; cat; }
            """;
        var told = new List<string>();
        for (var tries = 0; tries < 3 && !told.Any(IsValidOutput); tries++)
        {
            using var folder = new TestFolder();
            await using var running = Program.StartOther(
                "sh", "-c", Script.Replace("PID", Path.Combine(folder.Path, "pid"), StringComparison.Ordinal));
            told.Add((await running.Ended()).Out);
        }

        Assert.Contains(told, IsValidOutput);
    }

    private static bool IsValidOutput(string json)
    {
        try
        {
            return JsonNode.Parse(json)?["items"] is JsonArray { Count: 1000 };
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private async Task Fill()
    {
        await Workspace.Items(await Workspace.Repository("acme/one"), Items / 2);
        await Workspace.Items(await Workspace.Repository("acme/two"), Items / 2, words: "other");
    }
}
