using EmbeddingFunctions.Core.Tests.Runs;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A database migrated for the shipped corpus of clips alone, and a fake provider.</summary>
public abstract class ClipsTest : IAsyncLifetime
{
    private protected TestDatabase Database { get; private set; } = null!;

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    private protected virtual EmbeddingSettings Adjust(EmbeddingSettings settings) => settings;

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Empty();
        Engine = new TestEngine(Database, Fake, Adjust);
        await Migrate();
    }

    public async Task DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    private protected Task Migrate() =>
        Engine.Get<Migrator>().Migrate(Engine.Get<CorpusSet>().Get("clips"), withSampleTables: true, null, default);

    private protected Task<Guid> Clip(
        string title, string broadcaster = "ninja", string creator = "bob", string? game = null, string age = "1 day",
        bool isRemoved = false) =>
        Database.Ask<Guid>(
            "INSERT INTO clips (title, broadcaster_name, creator_name, game_name, is_removed, created_at) VALUES ($1, $2, $3, $4, $5, "
                + "now() - $6::interval) RETURNING id",
            title, broadcaster, creator, game, isRemoved, age);

    private protected Task Clips(int count, string age) => Database.Execute(
        "INSERT INTO clips (title, broadcaster_name, creator_name, created_at) SELECT 'clip ' || $2 || ' ' || n, 'ninja', 'bob', now() - "
            + "$2::interval FROM generate_series(1, $1) n",
        count, age);

    private protected Task<RunOutcome> Backfill(RunRequest? request = null) => Engine.Run(request ?? Request());

    private protected RunRequest Request() => new("clips", [], Concurrency: Engine.Settings.BatchesInFlight);

    /// <summary>The run of the next scheduled moment, from the tick to its end.</summary>
    private protected async Task<(int Total, int Embedded)> Scheduled()
    {
        await Database.Execute("UPDATE embedding.jobs SET due_at = NULL");
        var asked = new RecordingEngine();
        await Engine.Get<RunScheduler>().StartDue(asked, default);
        var end = await Engine.Get<InProcessEngine>().Carry(Assert.Single(asked.Begun), null, default);
        return (end.ItemsTotal, end.Counts.Embedded);
    }

    private protected async Task<KindCoverage> Coverage() => Assert.Single((await Engine.Get<StatusReport>().Of("clips", default)).Kinds);
}
