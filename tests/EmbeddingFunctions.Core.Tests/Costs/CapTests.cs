using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Costs;

/// <summary>No more is spent than a cap allows, however many processes spend at the same time.</summary>
public sealed class CapTests : CostTest
{
    private const int Workers = 8;

    private int _next = 100;

    [Fact]
    public async Task Eight_workers_with_a_cap_of_three_batches_spend_three()
    {
        var cap = CostOfBatches(3);
        for (var i = 0; i < Workers; i++)
        {
            await Fill($"acme/{i}", items: 50);
        }

        var engines = Enumerable.Range(0, Workers).Select(_ => Engine(settings => settings with { MaxDollarsPerDay = cap })).ToList();
        var outcomes = await Task.WhenAll(engines.Select(engine => engine.Run(Request())));
        foreach (var engine in engines)
        {
            await engine.DisposeAsync();
        }

        Assert.All(outcomes, outcome => Assert.Equal(RunStatus.CapReached, outcome.Status));
        Assert.Equal(3, Fake.RequestCount);
        Assert.Equal(cap, await Dollars("YYYY-MM-DD"));
        Assert.Equal(PaidTokens * 0.02m / 1_000_000, cap);
        Assert.Equal(30, await Workspace.Embedded());
    }

    [Fact]
    public async Task A_stopped_run_says_so_and_the_rest_stays_pending_and_unfailed()
    {
        await Fill("acme/one", items: 50);
        await using var engine = Engine(Cap(2));

        var outcome = await engine.Run(Request());

        Assert.Equal("cap_reached", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
        Assert.Contains("The cap of a day (EMBEDDING_MAX_DOLLARS_PER_DAY)", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("tomorrow", outcome.Error, StringComparison.Ordinal);
        Assert.Equal((20, 2), (outcome.Counts.Embedded, outcome.Counts.Requests));
        Assert.Equal((30L, 0L), (await Workspace.Pending(), await Database.Ask<long>("SELECT count(*) FROM embedding.claims")));
    }

    [Fact]
    public async Task It_goes_on_the_next_day()
    {
        await Fill("acme/one", items: 50);
        await using var engine = Engine(Cap(3));
        await engine.Run(Request());
        // As if it had been yesterday.
        await Database.Execute("UPDATE embedding.requests SET sent_at = sent_at - interval '1 day'");
        await Database.Execute(
            "UPDATE embedding.spending SET period = to_char(now() - interval '1 day', 'YYYY-MM-DD') WHERE length(period) > 7");

        var outcome = await engine.Run(Request());

        Assert.Equal((RunStatus.Completed, 20), (outcome.Status, outcome.Counts.Embedded));
    }

    [Fact]
    public async Task A_cap_of_a_month_holds_too()
    {
        await Fill("acme/one", items: 50);
        var cap = CostOfBatches(1);
        await using var engine = Engine(settings => settings with { MaxDollarsPerDay = 100, MaxDollarsPerMonth = cap });

        var outcome = await engine.Run(Request());

        Assert.Equal((RunStatus.CapReached, 10), (outcome.Status, outcome.Counts.Embedded));
        Assert.Contains("EMBEDDING_MAX_DOLLARS_PER_MONTH", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_has_a_cap_of_its_own()
    {
        await Fill("acme/one", items: 50);
        await using var engine = Engine();

        var outcome = await engine.Run(Request(CostOfBatches(2)));

        Assert.Equal((RunStatus.CapReached, 20), (outcome.Status, outcome.Counts.Embedded));
        Assert.Contains("--max-cost", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(RunStatus.Completed, (await engine.Run(Request())).Status);
    }

    [Fact]
    public async Task What_a_refused_request_had_reserved_is_given_back()
    {
        await Fill("acme/one", items: 30);
        Fake.Script(Requests.Next(2), Fault.ServerError());
        await using var engine = Engine(Cap(3));

        var outcome = await engine.Run(Request() with { Concurrency = 1 });

        Assert.Equal((RunStatus.Completed, 30), (outcome.Status, outcome.Counts.Embedded));
    }

    [Fact]
    public async Task What_may_have_been_charged_is_not_given_back()
    {
        await Fill("acme/one", items: 30);
        Fake.Script(Requests.Next(1), Fault.CutJson());
        await using var engine = Engine(Cap(3));

        var outcome = await engine.Run(Request() with { Concurrency = 1 });

        Assert.Equal((RunStatus.CapReached, 20, 3), (outcome.Status, outcome.Counts.Embedded, Fake.RequestCount));
    }

    [Fact]
    public async Task The_dry_run_says_whether_the_caps_hold()
    {
        await Fill("acme/one", items: 50);
        var cap = CostOfBatches(5);
        await using var engine = Engine(settings => settings with { MaxDollarsPerDay = cap });

        var fits = await engine.Get<DryRun>().Predict(Request(maxDollars: cap / 2), CancellationToken.None);
        await Fill("acme/two", items: 10);
        var exceeds = await engine.Get<DryRun>().Predict(Request(), CancellationToken.None);

        Assert.Equal(
            [("EMBEDDING_MAX_DOLLARS_PER_DAY", true), ("--max-cost", false)], fits.Caps.Select(each => (each.Cap, each.Holds!.Value)));
        Assert.Equal([new CapForecast("EMBEDDING_MAX_DOLLARS_PER_DAY", cap, 0, false)], exceeds.Caps);
    }

    [Fact]
    public async Task A_cap_with_a_model_of_unknown_price_sends_nothing()
    {
        await Fill("acme/one", items: 10);
        using var prices = new PricesFile("""{ "models": { "text-embedding-3-small": [] } }""");
        await using var engine = Engine(settings => settings with { MaxDollarsPerDay = 1, PricesFile = prices.Path });

        var outcome = await engine.Run(Request());

        Assert.Equal((RunStatus.Failed, 0), (outcome.Status, Fake.RequestCount));
        Assert.Contains("EMBEDDING_PRICES_FILE", outcome.Error, StringComparison.Ordinal);
    }

    private static Func<EmbeddingSettings, EmbeddingSettings> Cap(int batches) =>
        settings => settings with { MaxDollarsPerDay = CostOfBatches(batches) };

    // Texts of the same number of tokens, no two alike: a number of three digits is one.
    private async Task Fill(string repository, int items)
    {
        var id = await Workspace.Repository(repository);
        await Database.Execute(
            """
            INSERT INTO issues (id, repository_id, title, body, updated_at)
            SELECT gen_random_uuid(), $1, 'item ' || n, 'body', now() - interval '1 day' + n * interval '1 second'
            FROM   generate_series($2::int, $3) n
            """, id, _next, _next + items - 1);
        _next += items;
    }

    private static decimal CostOfBatches(int batches) =>
        batches * 10 * FakeTokens.Count("[ISSUE] item 100 body") * 0.02m / 1_000_000;
}
