using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>The product on a database of the sample workspace, with a fake batch interface; lines are short and batches small.</summary>
public abstract class LaneTest : IAsyncLifetime
{
    private protected const int InputsPerLine = 5;

    private const int MostSteps = 40;

    private protected ManualTime Clock { get; } = new();

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    private protected TestWorkspace Workspace { get; private set; } = null!;

    private protected virtual int InputsPerBatch => 50_000;

    private protected virtual int QueuedTokens => 3_000_000;

    public virtual async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { TimeProvider = Clock });
        Database = await TestDatabase.Migrated();
        Engine = NewEngine();
        Workspace = new TestWorkspace(Database);
    }

    public async Task DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>Another process on the same database.</summary>
    private protected TestEngine NewEngine(Func<EmbeddingSettings, EmbeddingSettings>? settings = null) => new(
        Database.Source, Fake,
        standard => (settings ?? (same => same))(standard with { HasBatchApi = true, QueuedTokens = QueuedTokens }),
        services: services => services.AddSingleton(new LaneLimits
        {
            Inputs = InputsPerBatch,
            InputsPerLine = InputsPerLine,
            QueuePause = TimeSpan.Zero,
        }));

    private protected Task<Guid> Begin(RunRequest? request = null) =>
        Engine.Get<LaneRuns>().Begin(request ?? new RunRequest("workspace", []), default);

    /// <summary>One step, as if its time had come.</summary>
    private protected async Task<bool> Step(TestEngine? engine = null)
    {
        await Database.Execute("UPDATE embedding.lane_runs SET next_at = now() WHERE token IS NULL");
        return await (engine ?? Engine).Get<LaneRuns>().Advance(only: null, default);
    }

    /// <summary>Steps to the run's end.</summary>
    private protected async Task<RecordedRun> Finish(Guid run, TestEngine? engine = null)
    {
        for (var steps = 0; await Step(engine); steps++)
        {
            Assert.True(steps < MostSteps, "The run does not end.");
        }

        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.lane_runs"));
        return (await (engine ?? Engine).Get<RunHistory>().Find(run, default))!.Run;
    }

    private protected async Task<RecordedRun> Run(RunRequest? request = null) => await Finish(await Begin(request));

    /// <summary>As if the wait of items that failed were over.</summary>
    private protected Task EndWait() => Database.Execute("UPDATE embedding.claims SET retry_at = NULL WHERE reason IS NOT NULL");

    private protected Task<long> Count(string what) => Database.Ask<long>($"SELECT count(*) FROM {what}");

    /// <summary>Nothing lost, nothing stale, nothing held, nothing left at the provider.</summary>
    private protected async Task AssertWhole()
    {
        Assert.Equal(0, await Workspace.Pending());
        Assert.Empty(await Workspace.Stale());
        Assert.Equal(0, await Count("embedding.claims"));
        Assert.Equal(0, await Count("embedding.lane_items"));
        Assert.Equal(0, await Count("embedding.lane_lines"));
        Assert.Equal(0, Fake.Batches.FileCount);
    }

    /// <summary>The clock of the provider.</summary>
    internal sealed class ManualTime : TimeProvider
    {
        private DateTimeOffset _now = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => _now;

        public void Advance(TimeSpan by) => _now += by;
    }
}
