using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>One database for the tests of a class, which run one after the other: emptying it is quicker than making another.</summary>
public sealed class BatchDatabase : IAsyncLifetime
{
    /// <summary>The name of whatever a test puts in the way of its rows; the next test finds it gone.</summary>
    public const string Obstacle = "obstacle";

    internal TestDatabase Database { get; private set; } = null!;

    public async Task InitializeAsync() => Database = await TestDatabase.Migrated();

    public async Task DisposeAsync() => await Database.DisposeAsync();

    public Task Empty() => Database.Execute(
        $"""
        DROP TRIGGER IF EXISTS {Obstacle} ON issues;
        ALTER TABLE issues DROP CONSTRAINT IF EXISTS {Obstacle};
        DELETE FROM workspaces;
        DELETE FROM repositories;
        DELETE FROM embedding.jobs;
        DELETE FROM embedding.claims;
        DELETE FROM embedding.start_slots;
        DELETE FROM similarity_cache;
        DELETE FROM embedding.cache;
        """);
}
