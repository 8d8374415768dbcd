using System.Diagnostics;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Promises;

/// <summary>Faults that are no item's: of the moment, or of key, account and configuration.</summary>
public sealed class ProviderFaultTests : EngineTest
{
    public static TheoryData<string, Fault> Configuration => new()
    {
        { "F5 quota", Fault.InsufficientQuota("insufficient_quota") },
        { "F5 balance", Fault.InsufficientQuota("credit_balance_exhausted") },
        { "F5 spend limit", Fault.InsufficientQuota("project_spend_limit_exceeded") },
        { "F7 key", Fault.BadKey() },
        { "F12 model", Fault.ModelGone() },
        { "F12 422", Fault.Status(422, """{"error":{"message":"no","type":"invalid_request_error"}}""", "application/json") },
        { "F7 403", Fault.Status(403, "forbidden", "text/plain") },
        { "F20 all of another width", Fault.WrongDimensions(1536) },
        { "F24 redirect", Fault.Redirect("http://127.0.0.1:9/v1/embeddings", 307) },
    };

    protected override FakeOpenAiOptions Options => new() { EchoWholeKey = true };

    [Theory]
    [MemberData(nameof(Configuration))]
    public async Task A_fault_of_key_account_or_configuration_costs_one_request_and_charges_no_item(string name, Fault fault)
    {
        for (var i = 0; i < 4; i++)
        {
            await Workspace.Items(await Workspace.Repository($"acme/{i}"), 60);
        }

        Fake.Script(Requests.All, fault);
        var outcome = await Engine.Run();

        Assert.True((RunStatus.Failed, 1) == (outcome.Status, Fake.RequestCount), $"{name}: {Fake.RequestCount} requests, {outcome}");
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding_claims"));
        Assert.Equal("failed", await Database.Ask<string>("SELECT status FROM embedding_jobs"));
        Assert.DoesNotContain(Fake.ApiKey, $"{outcome.Error} {await Database.Ask<string>("SELECT error_message FROM embedding_jobs")}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task F1_The_whole_provider_waits_as_long_as_it_asks_and_no_item_is_charged()
    {
        await Workspace.Items(Repository, 60);
        await Workspace.Items(await Workspace.Repository("acme/two"), 60);
        Fake.Script(Requests.Number(2), Fault.RateLimited(TimeSpan.FromSeconds(2)));
        var outcome = await Engine.Run();

        var refused = Fake.Requests.Single(request => request.Status == 429);
        // Those under way already may still land; nobody sets out anew before the time is up.
        var later = Fake.Requests.Where(request => request.Number > refused.Number + Engine.Settings.Concurrency).Min(request => request.Timestamp);
        Assert.True(Stopwatch.GetElapsedTime(refused.Timestamp, later) >= TimeSpan.FromSeconds(2), "It did not wait.");
        Assert.Equal((120, 0), (outcome.Counts.Embedded, outcome.Counts.Failed));
        await AssertTrue();
    }

    [Fact]
    public async Task F2_The_hint_in_milliseconds_wins()
    {
        await Workspace.Items(Repository, 5);
        Fake.Script(Requests.Next(1), Fault.RateLimited(TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(700)));
        var watch = Stopwatch.StartNew();
        await Engine.Run();
        var gap = Stopwatch.GetElapsedTime(Fake.Requests[0].Timestamp, Fake.Requests[1].Timestamp);
        Assert.InRange(gap.TotalSeconds, 0.7, 2);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), "The seconds were obeyed instead.");
    }

    [Fact]
    public async Task F4_A_wait_of_days_is_capped_and_is_the_runs_not_a_batchs()
    {
        await Workspace.Items(Repository, 5);
        Fake.Script(Requests.All, Fault.RateLimited(TimeSpan.FromSeconds(410_000)));
        using var stopping = new CancellationTokenSource();
        var notes = new List<string>();
        var run = Engine.Run(
            progress: report =>
            {
                if (report.Note is { } note)
                {
                    notes.Add(note);
                    stopping.Cancel();
                }
            },
            stopping: stopping.Token);
        var outcome = await run.WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal((RunStatus.Cancelled, 1), (outcome.Status, Fake.RequestCount));
        Assert.Contains("waiting for the provider", notes.Single(), StringComparison.Ordinal);
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding_claims"));
    }

    [Fact]
    public async Task F9_A_smaller_limit_of_tokens_is_learnt_from_the_refusal()
    {
        await Workspace.Items(Repository, 40, words: new string('w', 400));
        Fake.Script(Requests.Where(request => request.InputCount > 10).Times(2), Fault.TooManyTokens(1_500));
        var outcome = await Engine.Run();
        Assert.Equal((40, 0), (outcome.Counts.Embedded, outcome.Counts.Failed));
        await AssertTrue();
    }
}
