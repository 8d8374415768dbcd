using System.Diagnostics;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Faults that pass: all workers wait, no attempt is charged, and all is embedded in the end.</summary>
public sealed class TransientFaultTests(BatchDatabase shared) : BatchTest(shared)
{
    public static TheoryData<Fault> Faults => new(
        Fault.RateLimited(), Fault.SlowDown(), Fault.Overloaded(), Fault.Status(408), Fault.ServerError(409), Fault.ServerError(),
        Fault.ServerError(502),
        Fault.ServerError(503), Fault.ServerError(504), Fault.ServerError(520), Fault.ServerError(529), Fault.ResetBeforeHeaders(),
        Fault.ResetAfterHeaders());

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_passes_is_sent_again_and_no_attempt_is_charged(Fault fault)
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.Next(3), fault);

        var batch = await Embed();

        Assert.Equal((20, 4, 4), (batch.Counts.Embedded, batch.Counts.Requests, Fake.RequestCount));
        await AssertNothingStale();
        await AssertNoneCharged();
    }

    public static TheoryData<Fault, double> Hints => new()
    {
        { Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(2)), 2 },
        { Fault.RateLimited(retryAfterMs: TimeSpan.FromMilliseconds(700)), 0.7 },
        { Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(4), retryAfterMs: TimeSpan.FromMilliseconds(1_500)), 1.5 },
        { Fault.SlowDown(), 0.375 },
        { Fault.SlowDown().WithHeader("Retry-After", "soon"), 0.375 },
        { Fault.SlowDown().WithHeader("Retry-After", "-5"), 0.375 },
    };

    [Theory]
    [MemberData(nameof(Hints))]
    public async Task A_refused_request_is_sent_again_when_it_was_asked_for_and_not_before(Fault fault, double seconds)
    {
        await Workspace.Items(Repository, 20);
        await using var worker = new Worker(Database.Source, Fake, speed: 5);
        Fake.Script(Requests.Next(1), fault);

        Assert.Equal(20, (await worker.Embed(await Order())).Counts.Embedded);

        var gap = Stopwatch.GetElapsedTime(Fake.Requests[0].Timestamp, Fake.Requests[1].Timestamp) * 5;
        Assert.True(gap >= TimeSpan.FromSeconds(seconds), $"{gap} is less than {seconds} s");
        Assert.Equal(2, Fake.RequestCount);
    }

    [Theory]
    [InlineData(12, 12)]
    [InlineData(120, 120)]
    [InlineData(410_000, 120)]
    public async Task A_long_wait_is_the_runs_and_holds_no_batch(int asked, int parked)
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.All, Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(asked)));
        await using var worker = new Worker(Database.Source, Fake, speed: 1);
        var begun = worker.Time.GetUtcNow();

        var batch = await worker.Embed(await Order());

        Assert.Equal(1, Fake.RequestCount);
        Assert.InRange(batch.RetryAt!.Value, begun.AddSeconds(parked), worker.Time.GetUtcNow().AddSeconds(parked));
        Assert.Equal((0, 1), (batch.Counts.Claimed, batch.Counts.Requests));
        await AssertNoneCharged();
        var next = await worker.Embed(await Order());
        Assert.Equal((1, 0), (Fake.RequestCount, next.Counts.Requests));
        Assert.NotNull(next.RetryAt);
    }

    [Fact]
    public async Task A_run_waits_out_what_the_provider_asks_and_goes_on()
    {
        await Workspace.Items(Repository, 100);
        Fake.Script(Requests.Number(2), Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(15)));
        var begun = Worker.Time.GetUtcNow();

        var outcome = await Worker.Run();

        Assert.Equal((RunStatus.Completed, 100), (outcome.Status, outcome.Counts.Embedded));
        Assert.True(Worker.Time.GetUtcNow() - begun >= TimeSpan.FromSeconds(15));
        Assert.Equal(0, Fake.DuplicatePaidInputs);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_limit_is_not_used_up_by_what_was_given_back()
    {
        await Workspace.Items(Repository, 40);
        Fake.Script(Requests.Next(1), Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(15)));

        var outcome = await Worker.Run(limit: 20);

        Assert.Equal((RunStatus.Completed, 20), (outcome.Status, outcome.Counts.Embedded));
    }

    [Fact]
    public async Task A_provider_that_is_down_for_a_while_is_not_stormed()
    {
        await Workspace.Items(Repository, 200);
        Fake.Script(Requests.Next(12), Fault.ServerError(503));

        var outcome = await Worker.Run();

        Assert.Equal((RunStatus.Completed, 200), (outcome.Status, outcome.Counts.Embedded));
        Assert.Equal(1, Fake.Requests.Take(13).Max(request => request.InFlight));
        Assert.InRange(Fake.RequestCount, 22, 26);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_provider_that_stays_away_ends_the_run_and_no_attempt_is_charged()
    {
        await Workspace.Items(Repository, 20);
        await Fake.GoDownAsync();
        await using var worker = new Worker(Database.Source, Fake, speed: 500);

        var outcome = await worker.Run();

        Assert.Equal((RunStatus.Failed, 0), (outcome.Status, outcome.Counts.Embedded));
        Assert.Contains("the connection to the provider failed", outcome.Error, StringComparison.Ordinal);
        await AssertNoneCharged();
        await Fake.ComeBackAsync();
    }

    [Fact]
    public async Task A_fifth_of_all_requests_failing_costs_no_attempt()
    {
        await Workspace.Items(Repository, 300);
        Fake.Script(
            Requests.AtRandom(0.2, seed: 5),
            Fault.OneOf(5, Fault.RateLimited(), Fault.ServerError(), Fault.ServerError(503), Fault.ResetBeforeHeaders()));

        var outcome = await Worker.Run(batchSize: 10);

        Assert.Equal((RunStatus.Completed, 300, 0), (outcome.Status, outcome.Counts.Embedded, outcome.Counts.Failed));
        Assert.Equal((300, Fake.RequestCount), (Fake.PaidInputCount, outcome.Counts.Requests));
        await AssertNothingStale();
        await AssertNoneCharged();
    }
}
