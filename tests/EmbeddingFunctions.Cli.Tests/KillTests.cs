using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>SIGKILL: no time to give anything back.</summary>
public sealed class KillTests : ProgramTest
{
    private const int Items = 1_500;
    private const int Concurrency = 4;
    private const int BatchesInFlight = Concurrency + 1;
    private const int Rounds = 6;
    private const int SmallBatch = 5;

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(40) };

    [Fact]
    public async Task F36_Killed_at_random_moments_it_loses_nothing_and_pays_twice_at_most_what_was_in_flight()
    {
        var seed = Environment.TickCount;
        Console.WriteLine(
            $"{nameof(F36_Killed_at_random_moments_it_loses_nothing_and_pays_twice_at_most_what_was_in_flight)}: seed {seed}");
        var random = new Random(seed);
        await Fill();
        for (var round = 0; round < Rounds; round++)
        {
            await AllowStarts();
            var before = Fake.DuplicatePaidInputs;
            await using var running = Program.Start("backfill", "workspace", "--batch-size", $"{SmallBatch}");
            // Late enough that the items held by the last one are done: what is held by three that end is given up as to blame for it.
            await Fake.WaitForRequestsAsync(Fake.RequestCount + random.Next(12, 18), Running.Patience);
            await Task.Delay(random.Next(0, 30));
            await running.Kill();
            await ForgetTheDead();
            Assert.True(
                Fake.DuplicatePaidInputs - before <= BatchesInFlight * SmallBatch,
                $"Paid twice: {Fake.DuplicatePaidInputs - before}; seed {seed}, round {round}.");
            Assert.True((await Workspace.Stale()).Count == 0, $"A vector is not its text's; seed {seed}, round {round}.");
        }

        await AllowStarts();
        (await Backfill()).Exits(0);
        await AssertWhole();
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.failures"));
        Assert.InRange(Fake.DuplicatePaidInputs, 0, Rounds * BatchesInFlight * SmallBatch);
    }

    [Fact]
    public async Task F36_What_a_killed_process_held_is_embedded_within_45_seconds()
    {
        // Few others, so that they are done while the dead one's leases run, also on a busy machine.
        await Fill(300);
        using var hold = Fake.Hold(Requests.Where(request => request.Number > 1));
        await using (var running = Program.Start("backfill", "workspace"))
        {
            await hold.WaitForHeldAsync(Concurrency - 1, Running.Patience);
            await running.Kill();
        }

        var killed = TimeProvider.System.GetTimestamp();
        Assert.InRange(await Claims(), 1, BatchesInFlight * Batch);
        hold.Release();
        (await Program.Run("backfill", "workspace")).Exits(0).Says("waiting for items that another worker holds");
        Assert.InRange(TimeProvider.System.GetElapsedTime(killed).TotalSeconds, 0, 45);
        await AssertWhole();
    }

    [Fact]
    public async Task A_run_whose_process_was_killed_is_reported_as_failed_by_the_next()
    {
        await Fill();
        using var hold = Fake.Hold(Requests.Where(request => request.Number > 3));
        await using (var running = Program.Start("backfill", "workspace"))
        {
            await hold.WaitForHeldAsync(1, Running.Patience);
            await running.Kill();
        }

        hold.Release();

        await ForgetTheDead();
        (await Backfill()).Exits(0);
        var runs = await Database.Rows("SELECT status, error_message FROM embedding.jobs ORDER BY created_at");
        Assert.Equal(["failed", "completed"], runs.Select(run => run[0]));
        Assert.Equal("The process that ran it ended.", runs[0][1]);
    }

    private async Task Fill(int items = Items)
    {
        foreach (var name in new[] { "one", "two", "three" })
        {
            await Workspace.Items(await Workspace.Repository($"acme/{name}"), items / 3, words: name);
        }
    }
}
