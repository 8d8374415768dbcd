using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests.Upgrades;

/// <summary>Whether the dumped database has what it says.</summary>
public sealed class OldDatabaseTests
{
    [Fact]
    public async Task The_dump_has_items_runs_claims_and_requests_in_every_state()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        if (Environment.GetEnvironmentVariable("MAKE_SCHEMA_DUMP") == "1")
        {
            Assert.Equal(1, SchemaRange.OfThisProgram.Current);
            using var folder = new TestFolder();
            var corpora = Path.Combine(folder.Path, "corpora.json");
            await File.WriteAllTextAsync(corpora, OldDatabase.Corpora);
            await using var made = await TestDatabase.Empty();
            await using var engine = new TestEngine(made, fake, settings => settings with { CorporaFile = corpora });
            await OldDatabase.Fill(made, fake, engine);
            await OldDatabase.Dump(made);
        }

        await using var database = await TestDatabase.Empty();
        await OldDatabase.Restore(database);

        Assert.Equal(1, await database.Ask<int>("SELECT version FROM embedding.installation"));
        Assert.Equal([1, 2], await Ids("embedding IS NOT NULL"));
        Assert.Equal([2, 6, 7, 8], await Ids("embedding_rule IS NULL"));
        Assert.Equal(
            ["cancelled", "completed", "failed", "pending", "processing"],
            (await database.Rows("SELECT DISTINCT status FROM embedding.jobs ORDER BY 1")).Select(row => row[0]));
        Assert.Equal(
            ["4 dead", "6 waiting", "7 held"],
            (await database.Rows(
                """
                SELECT item_id || CASE WHEN is_dead THEN ' dead' WHEN retry_at > now() THEN ' waiting'
                                       WHEN leased_until IS NOT NULL THEN ' held' END
                FROM   embedding.claims ORDER BY 1
                """)).Select(row => row[0]));
        Assert.Equal(
            ["completed", "failed", "pending", "processing"],
            (await database.Rows("SELECT DISTINCT status FROM embedding_queue ORDER BY 1")).Select(row => row[0]));
        Assert.Equal(2, await database.Ask<long>("SELECT count(*) FROM embedding.cache WHERE expires_at > now()"));

        async Task<IEnumerable<int>> Ids(string condition) =>
            (await database.Rows($"SELECT id FROM notes WHERE {condition} ORDER BY id")).Select(row => (int)row[0]!);
    }
}
