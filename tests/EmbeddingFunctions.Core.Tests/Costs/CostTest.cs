using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Costs;

/// <summary>The sample workspace with a fake provider, whose own count the ledger is held against.</summary>
public abstract class CostTest : IAsyncLifetime
{
    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    private protected TestWorkspace Workspace { get; private set; } = null!;

    /// <summary>The tokens of everything that the provider embedded, as often as it did.</summary>
    private protected long PaidTokens => Fake.PaidInputs.Sum(paid => (long)FakeTokens.Count(paid.Key) * paid.Value);

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Migrated();
        Workspace = new TestWorkspace(Database);
    }

    public async Task DisposeAsync()
    {
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    private protected TestEngine Engine(Func<EmbeddingSettings, EmbeddingSettings>? settings = null) => new(Database, Fake, settings);

    /// <summary>Ten items to a batch, each batch one request of the same tokens.</summary>
    private protected static RunRequest Request(decimal? maxDollars = null) =>
        new("workspace", [], Concurrency: 4, BatchSize: 10) { MaxDollars = maxDollars };

    private protected Task<long> Tokens(string where = "true") =>
        Database.Ask<long>($"SELECT COALESCE(sum(tokens), 0)::bigint FROM embedding.requests WHERE {where}");

    private protected Task<decimal> Dollars(string period) =>
        Database.Ask<decimal>("SELECT dollars FROM embedding.spending WHERE period = to_char(now() AT TIME ZONE 'UTC', $1)", period);

    private protected static Task<CostSummary> Report(TestEngine engine, CostGroup by) =>
        engine.Get<CostReport>().Of(by, DateTimeOffset.UtcNow.AddDays(-1), CancellationToken.None);
}
