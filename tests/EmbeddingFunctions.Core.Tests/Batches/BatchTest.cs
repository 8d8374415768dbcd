using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A fake provider and a worker of each test's own, on the class's database.</summary>
public abstract class BatchTest(BatchDatabase shared) : IClassFixture<BatchDatabase>, IAsyncLifetime
{
    private protected TestDatabase Database => shared.Database;

    private protected TestWorkspace Workspace { get; private set; } = null!;

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected Worker Worker { get; private set; } = null!;

    /// <summary>A repository of an active workspace, without items.</summary>
    private protected Guid Repository { get; private set; }

    private protected ClaimStore Claims => Worker.Get<ClaimStore>();

    private protected virtual FakeOpenAiOptions Options => new();

    private protected virtual EmbeddingSettings Adjust(EmbeddingSettings settings) => settings;

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync(Options);
        await shared.Empty();
        Workspace = new TestWorkspace(Database);
        Worker = new Worker(Database.Source, Fake, Adjust);
        Repository = await Workspace.Repository();
    }

    public async Task DisposeAsync()
    {
        await Worker.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>An order as a run would give it, with the run's row that it needs.</summary>
    private protected async Task<EmbedBatch> Order(
        int count = 20, Guid? repository = null, string kind = "issue", DateTimeOffset? forceBefore = null)
    {
        var run = Guid.CreateVersion7();
        await Database.Execute("INSERT INTO embedding.jobs (id, corpus, kinds) VALUES ($1, 'workspace', '{}')", run);
        return new EmbedBatch(run, Guid.CreateVersion7(), "workspace", kind, (repository ?? Repository).ToString(), count, forceBefore);
    }

    private protected Task<EmbeddedBatch> Embed(EmbedBatch order, CancellationToken cancellation = default) =>
        Worker.Embed(order, cancellation);

    private protected async Task<EmbeddedBatch> Embed(int count = 20) => await Embed(await Order(count));

    /// <summary>Embeds a batch, and acts while its first request waits for its answer.</summary>
    private protected async Task<EmbeddedBatch> DuringTheCall(Func<Task> act)
    {
        var before = Fake.RequestCount;
        using var hold = Fake.Hold(Requests.Number(before + 1));
        var embedding = Embed();
        await Fake.WaitForRequestsAsync(before + 1);
        await act();
        hold.Release();
        return await embedding;
    }

    private protected Task<ResolvedCorpus> Corpus() => Worker.Get<ResolvedCorpora>().Get("workspace", CancellationToken.None);

    private protected async Task<Claim> Take(int count = 20, EmbedBatch? order = null) =>
        await Claims.Take(await Corpus(), order ?? await Order(count), CancellationToken.None);

    /// <summary>As if 30 seconds had passed since every claim was last heard of.</summary>
    private protected Task LetLeasesRunOut() =>
        Database.Execute("UPDATE embedding.claims SET leased_until = now() - interval '1 s' WHERE leased_until IS NOT NULL");

    /// <summary>As if the back-off of every failed item had passed.</summary>
    private protected Task LetFailuresRetry() =>
        Database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 s' WHERE retry_at IS NOT NULL");

    private protected Task Edit(string id, string title, string body = "edited") =>
        Database.Execute("UPDATE issues SET title = $2, body = $3, updated_at = now() WHERE id = $1", id, title, body);

    private protected Task<long> Count(string from) => Database.Ask<long>($"SELECT count(*) FROM {from}");

    private protected async Task<(string? Reason, int Attempts, bool IsDead)> Failure(string id)
    {
        var row = Assert.Single(await Database.Rows("SELECT reason, attempts, is_dead FROM embedding.failures WHERE item_id = $1", id));
        return ((string?)row[0], (int)row[1]!, (bool)row[2]!);
    }

    /// <summary>What the only batch has on record.</summary>
    private protected async Task<BatchCounts> Recorded() =>
        await BatchRow.Recorded(Database.Source, await Database.Ask<Guid>("SELECT id FROM embedding.batches"), CancellationToken.None);

    private protected async Task AssertNothingStale() => Assert.Empty(await Workspace.Stale());

    /// <summary>No attempt was charged: no claim is left, no failure is remembered.</summary>
    private protected async Task AssertNoneCharged() => Assert.Equal(0, await Count("embedding.claims"));
}
