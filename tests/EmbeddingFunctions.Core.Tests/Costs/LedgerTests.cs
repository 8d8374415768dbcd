using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Costs;

/// <summary>Every request stands in the ledger, with what the provider charged for it.</summary>
public sealed class LedgerTests : CostTest
{
    /// <summary>Faults of one request, whether the provider charges it, and what the ledger calls it.</summary>
    public static TheoryData<Fault, string> Faults => new()
    {
        { Fault.RateLimited(), "refused" },
        { Fault.ServerError(), "refused" },
        { Fault.Status(408), "refused" },
        { Fault.TooManyTokens(100), "refused" },
        { Fault.DropVector(), "unusable" },
        { Fault.DuplicateIndex(), "unusable" },
        { Fault.ZeroVector(), "unusable" },
        { Fault.WrongDimensions(12), "unusable" },
        { Fault.TruncatedBody(), "unknown" },
        { Fault.ResetMidBody(), "unknown" },
        { Fault.CutJson(), "unknown" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_ledger_agrees_with_the_provider_to_the_token(Fault fault, string outcome)
    {
        await Workspace.Items(await Workspace.Repository(), 40);
        Fake.Script(Requests.Next(1), fault);
        await using var engine = Engine();

        await engine.Run(Request());

        Assert.Equal(PaidTokens, await Tokens());
        Assert.Equal(Fake.RequestCount, await Database.Ask<long>("SELECT count(*) FROM embedding.requests"));
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.requests WHERE outcome = $1", outcome));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.requests WHERE outcome IS NULL"));
    }

    [Fact]
    public async Task A_request_that_timed_out_counts_as_spent()
    {
        await Workspace.Items(await Workspace.Repository(), 10);
        Fake.Script(Requests.Next(1), Fault.Hang(TimeSpan.FromSeconds(30)));
        await using var engine = Engine();
        using var stopping = new CancellationTokenSource();
        var run = engine.Run(Request(), stopping: stopping.Token);
        await Fake.WaitForRequestsAsync(1);
        await stopping.CancelAsync();

        Assert.Equal(RunStatus.Cancelled, (await run).Status);

        Assert.Equal(PaidTokens, await Tokens("outcome = 'unknown'"));
        Assert.True(PaidTokens > 0);
    }

    [Fact]
    public async Task A_request_that_no_one_answered_for_counts_from_before_it_was_sent()
    {
        await Workspace.Items(await Workspace.Repository(), 10);
        using var hold = Fake.Hold();
        await using var engine = Engine(settings => settings with { MaxDollarsPerDay = 1 });
        var run = engine.Run(Request());
        await hold.WaitForHeldAsync(1);

        Assert.Equal(FakeTokens.Count(Fake.Requests[0].Texts[0]) * 10, await Tokens("outcome IS NULL"), tolerance: 10);
        Assert.True(await Dollars("YYYY-MM-DD") > 0);
        hold.Release();
        await run;
        Assert.Equal(PaidTokens, await Tokens("outcome = 'answered'"));
    }

    [Fact]
    public async Task The_dry_run_predicts_the_ledger()
    {
        await Workspace.Items(await Workspace.Repository(), 200, words: "a title of some more words");
        await using var engine = Engine();
        var predicted = await engine.Get<DryRun>().Predict(Request(), CancellationToken.None);

        await engine.Run(Request());

        var cost = Assert.Single((await Report(engine, CostGroup.Corpus)).Groups);
        Assert.InRange((double)(predicted.Dollars!.Value / cost.Dollars), 0.995, 1.005);
        Assert.Equal(predicted.Requests, cost.Requests);
    }

    [Fact]
    public async Task The_sums_for_caps_are_those_of_the_ledger()
    {
        await Workspace.Items(await Workspace.Repository(), 100);
        Fake.Script(Requests.AtRandom(0.3, seed: 7), Fault.OneOf(7, Fault.ServerError(), Fault.CutJson(), Fault.DropVector()));
        await using (var engine = Engine())
        {
            await engine.Run(Request());
        }

        var dollars = await Database.Ask<decimal>("SELECT sum(dollars) FROM embedding.requests");
        Assert.Equal(PaidTokens * 0.02m / 1_000_000, dollars);
        Assert.Equal((dollars, dollars), (await Dollars("YYYY-MM-DD"), await Dollars("YYYY-MM")));
    }

    [Fact]
    public async Task Costs_are_summed_by_day_corpus_model_and_run()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        await using var engine = Engine();
        var run = await engine.Run(Request());

        foreach (var (by, key) in new[]
        {
            (CostGroup.Day, DateTime.UtcNow.ToString("yyyy-MM-dd")), (CostGroup.Corpus, "workspace"),
            (CostGroup.Model, "text-embedding-3-small"), (CostGroup.Run, $"{run.RunId}"),
        })
        {
            var cost = Assert.Single((await Report(engine, by)).Groups);
            Assert.Equal((key, 2L, 20L, PaidTokens), (cost.Key, cost.Requests, cost.Inputs, cost.Tokens));
        }
    }

    [Fact]
    public async Task A_request_is_forgotten_after_90_days()
    {
        await Database.Execute(
            """
            INSERT INTO embedding.requests (id, sent_at, model, on_batch_lane, inputs, tokens)
            SELECT gen_random_uuid(), now() - days * interval '1 day', 'm', false, 1, 1 FROM unnest(ARRAY[1, 89, 91, 400]) days
            """);
        await using var engine = Engine();

        await engine.Run(Request());

        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM embedding.requests"));
    }

    [Fact]
    public async Task No_text_stands_in_the_ledger()
    {
        await Workspace.Item(await Workspace.Repository(), "canary-7f3a", "canary-7f3a");
        await using var engine = Engine();

        await engine.Run(Request());

        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.requests r WHERE r::text LIKE '%canary-7f3a%'"));
    }

    [Fact]
    public async Task A_database_of_an_earlier_version_embeds_without_a_ledger()
    {
        await Workspace.Items(await Workspace.Repository(), 10);
        await Database.Execute(
            "DROP FUNCTION embedding.record_requests; DROP TABLE embedding.requests, embedding.spending, embedding.run_caps");
        await using var engine = Engine();

        Assert.Equal(RunStatus.Completed, (await engine.Run(Request())).Status);

        await using var capped = Engine(settings => settings with { MaxDollarsPerDay = 1 });
        await Workspace.Items(await Workspace.Repository("acme/two"), 10, words: "other");
        var refused = await capped.Run(Request());
        Assert.Equal(RunStatus.Failed, refused.Status);
        Assert.Contains("run 'embeddings migrate'", refused.Error, StringComparison.Ordinal);
    }
}
