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
        Assert.Equal("cancelled", await Database.Ask<string>("SELECT status FROM embedding_jobs"));
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
        await new NpgsqlCommand("LOCK TABLE embedding_claims", connection, transaction).ExecuteNonQueryAsync();
        var result = (await Interrupt(running, Running.SigInt)).Says("claims run out within 30 seconds");
        Assert.Equal(130, result.Number("exitCode"));
    }

    private async Task Fill()
    {
        await Workspace.Items(await Workspace.Repository("acme/one"), Items / 2);
        await Workspace.Items(await Workspace.Repository("acme/two"), Items / 2, words: "other");
    }
}
