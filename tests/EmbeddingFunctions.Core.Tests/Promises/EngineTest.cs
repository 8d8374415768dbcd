using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Promises;

/// <summary>A fake provider, a database and the engine between them; and the oracle: nothing lost, nothing stale.</summary>
public abstract class EngineTest : IAsyncLifetime
{
    internal FakeOpenAi Fake { get; private set; } = null!;

    internal TestDatabase Database { get; private set; } = null!;

    internal TestEngine Engine { get; private set; } = null!;

    internal TestWorkspace Workspace { get; private set; } = null!;

    internal Guid Repository { get; private set; }

    protected virtual FakeOpenAiOptions Options => new();

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync(Options);
        Database = await TestDatabase.Migrated();
        Engine = new TestEngine(Database, Fake);
        Workspace = new TestWorkspace(Database);
        Repository = await Workspace.Repository();
    }

    public async Task DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>At rest: all embedded but so many, every vector that of its text, nothing held.</summary>
    protected async Task AssertTrue(long pending = 0)
    {
        Assert.Empty(await Workspace.Stale());
        Assert.Equal(pending, await Workspace.Pending());
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding_claims WHERE token IS NOT NULL"));
    }

    protected Task<int> Attempts(string title) =>
        Database.Ask<int>("SELECT attempts FROM embedding_claims c JOIN issues i ON i.id::text = c.item_id WHERE i.title = $1", title);

    protected Task<float[]?> Vector(string title) => Database.Ask<float[]>("SELECT embedding::real[] FROM issues WHERE title = $1", title);
}
