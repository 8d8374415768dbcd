using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Whatever the type of a table's key, it keeps its index: nothing that a batch does reads the table from end to end.</summary>
public sealed class KeyTypeTests
{
    private const int Rows = 20_000;

    [Theory]
    [InlineData("uuid", "gen_random_uuid()")]
    [InlineData("bigint", "n + 3000000000")]
    [InlineData("integer", "n")]
    [InlineData("text", "'item ' || n")]
    [InlineData("varchar(40)", "'item ' || n")]
    public async Task A_page_is_planned_and_a_batch_claimed_and_written_by_the_indexes(string type, string value)
    {
        await using var database = await TestDatabase.Empty();
        // One connection, which can be told to count its scans at once.
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 1 }.ConnectionString);
        await Execute(source,
            $"""
            CREATE TABLE tenants (id integer PRIMARY KEY);
            INSERT INTO tenants SELECT generate_series(1, 20);
            CREATE TABLE items (id {type} PRIMARY KEY, tenant integer NOT NULL, title text, changed timestamptz NOT NULL);
            INSERT INTO items SELECT {value}, n % 20 + 1, 'title ' || n, now() - n * interval '1 minute' FROM generate_series(1, {Rows}) n;
            """);
        await using var corpus = new DeclaredCorpus(source, new
        {
            name = "items",
            dimensions = 16,
            batchSize = 20,
            partitions = new { table = "tenants", column = "id" },
            tables = new[] { new { kind = "item", table = "items", partition = "tenant", text = "{title}", changedAt = "changed" } },
        });
        await corpus.Migrate();
        await Execute(source, "ANALYZE items");
        var run = new RunInput(Guid.NewGuid(), new RunRequest("items", []));
        await Execute(source, $"INSERT INTO embedding.jobs (id, corpus, kinds) VALUES ('{run.RunId}', 'items', '{{}}')");
        var before = await Scans(source);

        var page = await corpus.Get<PagePlanner>().Plan(new PlanPage(run, "", [], 200), default);
        var planned = await Scans(source);
        var batch = page.Batches[0];
        var embedded = await corpus.Get<BatchEmbedder>()
            .Embed(new EmbedBatch(run.RunId, Guid.NewGuid(), "items", "item", batch.Partition, 20, null), default);

        var after = await Scans(source);
        Assert.Equal(200, page.Batches.Sum(batch => batch.Count));
        Assert.Equal((20, 20), (embedded.Counts.Claimed, embedded.Counts.Embedded));
        Assert.Equal((before.OfAll, before.OfAll), (planned.OfAll, after.OfAll));
        Assert.True(planned.ByPending > before.ByPending, "The page was not planned by the index of pending items.");
        Assert.True(after.ByPending > planned.ByPending, "The batch was not claimed by the index of pending items.");
        Assert.True(after.ByKey > planned.ByKey, "The batch was not written by the key's index.");
        // The newest of the tenant, each with its own text's vector.
        Assert.Equal(20, await database.Ask<long>(
            $"""
            SELECT count(*) FROM items WHERE embedding IS NOT NULL AND length(content_hash) = 64 AND changed >= now() - interval
                '{20 * 20} minutes 30 seconds'
            """));
        Assert.Equal(20, await database.Ask<long>("SELECT count(DISTINCT embedding::text) FROM items"));
    }

    private static async Task<(long OfAll, long ByPending, long ByKey)> Scans(NpgsqlDataSource source)
    {
        await Execute(source, "SELECT pg_stat_force_next_flush()");
        await using var command = source.CreateCommand(
            """
            SELECT t.seq_scan,
                   (SELECT COALESCE(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes WHERE relname = 'items' AND indexrelname LIKE
                       'embedding_pending%'),
                   (SELECT COALESCE(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes WHERE indexrelname = 'items_pkey')
            FROM   pg_stat_user_tables t
            WHERE  t.relname = 'items'
            """);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    private static async Task Execute(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
