using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

public sealed class MigratorTests : IAsyncLifetime
{
    private const string AllThere =
        """
        SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema =
            'public'
        UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'valid ' || count(*) FROM pg_index WHERE indisvalid
        UNION ALL SELECT 'trigger ' || tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'rule ' || kind || ' ' || rule FROM embedding.rules
        UNION ALL SELECT 'declaration ' || declaration FROM embedding.declarations
        UNION ALL SELECT 'script ' || name FROM embedding.migrations
        ORDER BY 1
        """;

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Eight_processes_at_once_make_one_result()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await using var source = Database.Open(_database.ConnectionString);
            await using var corpus = new DeclaredCorpus(source, Declarations.Workspace());
            await corpus.Migrate(withSampleTables: true);
        }));

        var together = await All();
        await using var alone = await TestDatabase.Empty();
        await using var one = new DeclaredCorpus(alone.Source, Declarations.Workspace());
        await one.Migrate(withSampleTables: true);
        Assert.Equal((await alone.Rows(AllThere)).Select(row => (string)row[0]!), together);
    }

    [Fact]
    public async Task Eight_processes_build_the_indexes_of_a_full_table_once()
    {
        await using var corpus = await Notes(rows: 300);

        var built = new System.Collections.Concurrent.ConcurrentBag<string>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await using var source = Database.Open(_database.ConnectionString);
            await using var process = new DeclaredCorpus(source, Declarations.Notes());
            await process.Migrate(progress: built.Add);
        }));

        Assert.Equal(4, built.Count(line => line.StartsWith("building", StringComparison.Ordinal)));
        Assert.Equal(300, (await corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task Done_twice_it_changes_nothing()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await corpus.Migrate(withSampleTables: true);
        var first = await All();
        var messages = new List<string>();

        await corpus.Migrate(withSampleTables: true, messages.Add);

        Assert.Equal(first, await All());
        Assert.Empty(messages);
    }

    [Theory]
    [InlineData("column", "notes")]
    [InlineData("table", "vectors_notes_note")]
    public async Task The_planner_knows_the_new_columns_before_the_first_run(string store, string table)
    {
        await using var made = await Notes(40);
        await using var corpus = new DeclaredCorpus(
            _database.Source,
            new { name = "notes", store, dimensions = 16, tables = new[] { new { kind = "note", table = "notes", text = "{title}" } } });

        await corpus.Migrate();

        Assert.Equal(
            ["embedding", "embedding_rule"],
            (await _database.Rows(
                "SELECT attname::text FROM pg_stats WHERE tablename = $1 AND attname IN ('embedding', 'embedding_rule') ORDER BY 1", table))
                .Select(row => row[0]));
        Assert.Equal(40, await _database.Ask<float>("SELECT reltuples FROM pg_class WHERE relname = $1", table));
    }

    [Fact]
    public async Task An_index_left_half_built_is_built_again()
    {
        await using var corpus = await Notes(rows: 3);
        await corpus.Migrate();
        // What a process that was killed while it built leaves behind.
        await _database.Execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embedding_hnsw_notes'::regclass");
        var messages = new List<string>();

        await corpus.Migrate(progress: messages.Add);

        Assert.Equal(["building the index embedding_hnsw_notes"], messages);
        Assert.True(await _database.Ask<bool>("SELECT indisvalid FROM pg_index WHERE indexrelid = 'embedding_hnsw_notes'::regclass"));
    }

    [Fact]
    public async Task A_database_that_was_never_migrated_says_what_to_do()
    {
        await using var corpus = await Notes(rows: 1);

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Get<ResolvedCorpora>().Get("notes", default));

        Assert.Contains("run 'embeddings migrate notes' first", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_who_may_not_alter_the_table_is_reported_so()
    {
        await using var corpus = await Notes(rows: 1);
        await corpus.Migrate();
        await _database.Execute("DROP TRIGGER zzz_embedding_note_edit_notes ON notes");
        var role = $"reader_{_database.Name}";
        await _database.Execute(
            $"CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public, embedding TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public, "
                + "embedding TO "
                + role);
        try
        {
            await using var source = Database.Open(
                new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = role, Pooling = false }.ConnectionString);
            await using var reader = new DeclaredCorpus(source, Declarations.Notes());

            var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => reader.Migrate());

            Assert.Contains("(42501)", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            await _database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    private async Task<IReadOnlyList<string>> All() => (await _database.Rows(AllThere)).Select(row => (string)row[0]!).ToList();

    private Task<DeclaredCorpus> Notes(int rows) => Declarations.CreateNotes(_database, rows);
}
