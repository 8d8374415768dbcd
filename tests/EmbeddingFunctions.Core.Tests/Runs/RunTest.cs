using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>The product on a database of the sample workspace, with a fake provider.</summary>
public abstract class RunTest : IAsyncLifetime
{
    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    private protected TestWorkspace Workspace { get; private set; } = null!;

    private protected RunLifecycle Lifecycle => Engine.Get<RunLifecycle>();

    public virtual async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Migrated();
        Engine = new TestEngine(Database, Fake);
        Workspace = new TestWorkspace(Database);
    }

    public async Task DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    private protected static RunInput Input(RunRequest? request = null) =>
        new(Guid.CreateVersion7(), request ?? new RunRequest("workspace", []));

    private protected Task<string?> StatusOf(Guid run) =>
        Database.Ask<string>("SELECT status FROM embedding.jobs WHERE id = $1", run);
}
