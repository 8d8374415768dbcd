using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Workers;

/// <summary>Several real processes on one database, some of which stop, stand still or die.</summary>
public sealed class WorkerTests : FaultTest
{
    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task F37_A_text_that_kills_its_worker_does_so_three_times_and_its_companions_are_embedded()
    {
        await Fill(1, 24);
        var poison = await Workspace.Item(await Database.Ask<Guid>("SELECT id FROM repositories"), "deadly");
        var deaths = 0;
        for (; await KilledByText(deaths + 1); deaths++)
        {
            Assert.True(deaths < 3, "It killed a fourth worker.");
        }

        Assert.Equal(3, deaths);
        Assert.Equal(24, await Workspace.Embedded());
        Assert.Contains(
            "the worker ended 3 times",
            await Database.Ask<string>("SELECT reason FROM embedding.failures WHERE item_id = $1 AND is_dead", poison),
            StringComparison.Ordinal);
        await new Oracle(Database, Fake, text => text.Contains("deadly", StringComparison.Ordinal))
            .AssertHolds(deaths * Worker.Concurrency * 5);
    }

    [Fact]
    public async Task F38_A_worker_that_stood_still_beyond_its_lease_writes_nothing_and_ends_well()
    {
        await Fill(2, 30);
        var hold = Fake.Hold(Requests.Where(request => request.Number > 1));
        await using var zombie = Start("worker-zombie");
        await hold.WaitForHeldAsync(2);
        zombie.Stop();
        var written = await ClaimAudit.Writes(Database, "worker-zombie");
        hold.Release();
        // As if 30 seconds had passed, which it slept through.
        await ForgetTheDead();
        await Finish();

        zombie.Continue();
        (await zombie.Ended()).Exits(0);

        Assert.Equal(written, await ClaimAudit.Writes(Database, "worker-zombie"));
        await Oracle.AssertHolds(Worker.BatchesInFlight * Batch);
    }

    [Fact]
    public async Task F39_Eight_workers_at_once_pay_for_no_text_twice()
    {
        await Fill(8, 40);
        var workers = new List<Worker>();
        try
        {
            for (var i = 1; i <= 8; i++)
            {
                await AllowStarts();
                workers.Add(Start($"worker-{i}", "--batch-size", "5"));
            }

            foreach (var worker in workers)
            {
                (await worker.Ended()).Exits(0);
            }
        }
        finally
        {
            foreach (var worker in workers)
            {
                await worker.DisposeAsync();
            }
        }

        Assert.Equal(320, Fake.PaidInputCount);
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F42_Two_workers_asked_to_end_at_any_moment_do_so_within_ten_seconds_and_hold_nothing()
    {
        var random = new System.Random(42);
        await Fill(2, 150);
        for (var round = 0; round < 2; round++)
        {
            await AllowStarts();
            await using var first = Start($"worker-1-{round}", "--batch-size", "2");
            await using var second = Start($"worker-2-{round}", "--batch-size", "2");
            await Fake.WaitForRequestsAsync(Fake.RequestCount + random.Next(1, 12));
            first.Terminate();
            second.Terminate();
            var ended = await Task.WhenAll(first.Ended(TimeSpan.FromSeconds(10)), second.Ended(TimeSpan.FromSeconds(10)));
            Assert.All(ended, result => result.Exits(130));
            Assert.Equal(0, await Claims());
        }

        await Finish();
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F43_A_claim_that_is_taken_over_in_the_moment_of_its_write_is_written_by_who_holds_it()
    {
        await Fill(3, 60);
        using var done = new CancellationTokenSource();
        // Once only for each claim, since a worker that loses an item three times gives it up.
        var rescuer = Repeat.Every(TimeSpan.FromMilliseconds(20), () => Database.Execute(
            "UPDATE embedding.claims SET leased_until = now() - interval '1 second' WHERE attempts = 1 AND leased_until > now()"),
            done.Token);
        await using (var first = Start("worker-1", "--batch-size", "5"))
        await using (var second = Start("worker-2", "--batch-size", "5"))
        {
            (await first.Ended()).Exits(0);
            (await second.Ended()).Exits(0);
        }

        await done.CancelAsync();
        await rescuer;
        await Finish();
        await Oracle.AssertHolds(180);
        Assert.True(
            await Database.Ask<long>(
                "SELECT count(*) FROM audit t WHERE event = 'taken' AND EXISTS (SELECT FROM audit o WHERE o.item_id = t.item_id AND "
                    + "o.event = 'taken' AND o.id < t.id)") > 0,

            "Nothing was taken over.");
    }

    // The provider's side sees the text arrive, and its sender dies of it.
    private async Task<bool> KilledByText(int number)
    {
        await AllowStarts();
        using var hold = Fake.Hold(Requests.WithInput(text => text.Contains("deadly", StringComparison.Ordinal)));
        await using var worker = Start($"worker-{number}", "--batch-size", "5");
        var held = hold.WaitForHeldAsync(1, TimeSpan.FromSeconds(60));
        var ended = worker.Ended();
        if (await Task.WhenAny(held, ended) == ended)
        {
            (await ended).Exits(3);
            return false;
        }

        await worker.Kill();
        await ended;
        await ForgetTheDead();
        return true;
    }
}
