using System.Text.Json.Nodes;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>The shipped corpora, which have views, copies of vectors, partitions or a queue beside their columns.</summary>
public sealed class WorkspaceSwitchTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task The_workspace_goes_over_with_its_view_and_its_copies()
    {
        await using var before = new DeclaredCorpus(_database.Source, Shipped("workspace", 384));
        await before.Migrate(withSampleTables: true);
        var workspace = new TestWorkspace(_database);
        var (repository, asleep) = (await workspace.Repository(), await workspace.Repository("acme/asleep", isActive: false));
        foreach (var table in new[] { "issues", "pull_requests", "discussions" })
        {
            await workspace.Items(repository, 8, table);
        }

        await workspace.Item(asleep, "never embedded");
        await before.Run();
        await _database.Execute("UPDATE workspaces SET is_active = true");
        await before.Run();
        await _database.Execute("UPDATE workspaces SET is_active = name NOT LIKE '%asleep%'");
        Assert.Equal("25 of 384", await Copies());
        await using var after = new DeclaredCorpus(_database.Source, Shipped("workspace", 256));
        var generations = after.Get<GenerationSwitch>();

        await after.Run(name: (await generations.Begin("workspace", null, default)).Name);
        Assert.Equal("25 of 384", await Copies());
        // An item of a partition that is not active any more waits in neither.
        Assert.Empty((await generations.State("workspace", isMeasured: false, default))!.Obstacles);
        await generations.Flip("workspace", null, default);

        Assert.Equal("24 of 256", await Copies());
        Assert.Equal(24, await _database.Ask<long>(
            """
            SELECT count(*) FROM (SELECT id::text, embedding FROM issues UNION ALL SELECT id::text, embedding FROM pull_requests
                                  UNION ALL SELECT id, embedding FROM discussions) i
            JOIN   similarity_cache s ON s.item_id = i.id AND s.embedding = i.embedding
            """));
        Assert.Equal(0, await workspace.Pending());
        await workspace.Item(repository, "one more");
        Assert.Equal(1, await workspace.Pending());
        Assert.Equal(1, (await after.Run(name: "workspace@2")).Counts.Embedded);
        Assert.Equal((0, "25 of 256"), (await workspace.Pending(), await Copies()));
        Assert.Equal(1, (await after.Run(name: "workspace")).Counts.Embedded);
        Assert.Equal("25 of 256", await Copies());
        await generations.Flip("workspace", null, default);
        Assert.Equal("25 of 384", await Copies());
        await generations.Flip("workspace", null, default);
        Assert.Equal(1, await generations.Finish("workspace", isGivenUp: false, null, default));
        Assert.Equal((25, 0), (await workspace.Embedded() + 16, await workspace.Pending()));
    }

    [Fact]
    public async Task The_queue_of_sessions_stays_theirs()
    {
        await using var before = new DeclaredCorpus(_database.Source, Shipped("sessions", 64));
        await before.Migrate(withSampleTables: true);
        await _database.Execute("INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 5) n");
        await before.Run();
        await using var after = new DeclaredCorpus(_database.Source, Shipped("sessions", 32));
        var generations = after.Get<GenerationSwitch>();
        Assert.Equal(5, (await after.Run(name: (await generations.Begin("sessions", null, default)).Name)).Counts.Embedded);
        await _database.Execute("UPDATE sessions SET title = 'edited' WHERE title = 'session 1'");
        Assert.Equal(1, (await after.Run(name: "sessions@2")).Counts.Embedded);
        Assert.Equal("4 completed, 1 pending", await Queue());
        Assert.Equal(1, (await after.Run(name: "sessions")).Counts.Embedded);
        Assert.Equal("5 completed", await Queue());

        await generations.Flip("sessions", null, default);
        await _database.Execute(
            "UPDATE sessions SET title = 'edited again' WHERE title = 'edited'; INSERT INTO sessions (title) VALUES ('new')");
        Assert.Equal("4 completed, 2 pending", await Queue());
        Assert.Equal(2, (await after.Run(name: "sessions@2")).Counts.Embedded);
        Assert.Equal("6 completed", await Queue());
        await generations.Finish("sessions", isGivenUp: false, null, default);
        await _database.Execute("UPDATE embedding_queue SET status = 'pending'");
        Assert.Equal(6, (await after.Run(name: "sessions@2")).Counts.Processed);
        Assert.Equal(("6 completed", 32), (
            await Queue(), await _database.Ask<int>("SELECT min(vector_dims(title_embedding)) FROM sessions")));
    }

    private static JsonObject Shipped(string name, int dimensions)
    {
        using var stream = typeof(CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!;
        var corpus = JsonNode.Parse(stream)!["corpora"]!.AsArray().Single(corpus => (string)corpus!["name"]! == name)!.AsObject();
        corpus["dimensions"] = dimensions;
        corpus["startsPerMinute"] = 1_000;
        return (JsonObject)corpus.DeepClone();
    }

    private async Task<string?> Copies() => await _database.Ask<string>(
        "SELECT count(*) || ' of ' || string_agg(DISTINCT vector_dims(embedding)::text, ' and ') FROM similarity_cache");

    private async Task<string?> Queue() => await _database.Ask<string>(
        "SELECT string_agg(n || ' ' || status, ', ' ORDER BY status) FROM (SELECT status, count(*) AS n FROM embedding_queue GROUP BY "
            + "1) q");
}
