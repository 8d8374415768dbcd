using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
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
    public async Task Missing_base_tables_are_all_named_with_what_to_do_and_nothing_is_made()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.All(
            ["issues", "pull_requests", "discussions", "workspace_repositories", "workspaces"],
            table => Assert.Contains($"there is no table '{table}'", error.Message, StringComparison.Ordinal));
        Assert.Contains("embeddings migrate workspace --with-sample-tables", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"));
    }

    [Fact]
    public async Task Missing_columns_are_all_named()
    {
        await _database.Execute("CREATE TABLE notes (id uuid PRIMARY KEY, body text)");
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title} {body}", changedAt = "edited_at" }));

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains("note: the table notes has no column 'title'", error.Message, StringComparison.Ordinal);
        Assert.Contains("note: the table notes has no column 'edited_at'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("--with-sample-tables", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vector(1536)", "vector(1536)")]
    [InlineData("halfvec(16)", "halfvec(16)")]
    [InlineData("vector", "vector without dimensions")]
    [InlineData("jsonb", "jsonb")]
    public async Task A_vector_column_of_another_width_or_type_is_a_clear_error(string type, string told)
    {
        await using var corpus = await Notes(rows: 1);
        await _database.Execute($"CREATE EXTENSION vector; ALTER TABLE notes ADD COLUMN embedding {type}");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains($"the column notes.embedding is {told}, the corpus says vector(16)", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname = 'embedding.rules'"));
    }

    [Theory]
    [InlineData("embedding_generated_at timestamp", "embedding_generated_at is of type timestamp without time zone")]
    [InlineData("content_hash bytea", "content_hash is of type bytea")]
    public async Task A_column_that_another_system_left_with_another_type_is_a_clear_error(string column, string told)
    {
        await using var corpus = await Notes(rows: 1);
        await _database.Execute($"ALTER TABLE notes ADD COLUMN {column}");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains($"the column notes.{told}, which is not ours: declare another name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Old_vectors_in_a_column_of_the_right_width_are_made_again_once_a_person_says_so_and_the_columns_stay()
    {
        await using var corpus = await Notes(rows: 2);
        await _database.Execute(
            """
            CREATE EXTENSION vector;
            ALTER TABLE notes ADD COLUMN embedding vector(16), ADD COLUMN embedding_generated_at timestamptz, ADD COLUMN content_hash text;
            UPDATE notes SET embedding = array_fill(0.5, ARRAY[16])::vector, embedding_generated_at = now(), content_hash =
                'of another system';
            """);

        Assert.Contains(
            "2 vectors are there", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message,
            StringComparison.Ordinal);
        await corpus.Migrate(takeOver: true);

        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
        await corpus.Get<EmbeddingFunctions.Schema.CorpusRemoval>().Remove("notes", null, default);
        Assert.Equal(2, await _database.Ask<long>("SELECT count(embedding) FROM notes WHERE content_hash IS NOT NULL"));
    }

    [Fact]
    public async Task A_changed_rule_demands_a_migration_and_then_makes_every_vector_again()
    {
        await using (var corpus = await Notes(rows: 3))
        {
            await corpus.MigrateAndRun();
        }

        var before = await PendingIndex();
        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "NOTE {title}" }));

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => changed.Get<ResolvedCorpora>().Get("notes", default));
        Assert.Contains("embeddings migrate notes", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "every vector must be looked at, and made again where it would be another", error.Message, StringComparison.Ordinal);

        var outcome = await changed.MigrateAndRun();
        Assert.Equal(3, outcome.Counts.Embedded);
        Assert.NotEqual(before, await PendingIndex());
    }

    [Fact]
    public async Task A_changed_model_demands_a_migration()
    {
        await using (var corpus = await Notes(rows: 1))
        {
            await corpus.MigrateAndRun();
        }

        await using var changed = new DeclaredCorpus(_database.Source, Declarations.Notes(), model: "text-embedding-3-large");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => changed.Get<ResolvedCorpora>().Get("notes", default));
        Assert.Contains("the model is now 'text-embedding-3-large'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declaration_that_changed_without_changing_vectors_runs_on_and_doctor_asks_for_a_migration()
    {
        await using (var corpus = await Notes(rows: 3))
        {
            await corpus.MigrateAndRun();
        }

        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", changedAt = "edited_at" }));

        Assert.Equal(0, (await changed.Run()).ItemsTotal);
        var bound = await changed.Get<ResolvedCorpora>().Get("notes", default);
        Assert.Contains(
            "the declaration changed since the last migration: run 'embeddings migrate notes'",
            Assert.Single(await changed.Get<CorpusFindings>().Of(bound, default)), StringComparison.Ordinal);

        Assert.Equal(0, (await changed.MigrateAndRun()).ItemsTotal);
        Assert.Empty(await changed.Get<CorpusFindings>().Of(bound, default));
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname ~ '^embedding_(pending|age)_notes_'"));
    }

    [Fact]
    public async Task A_database_that_was_never_migrated_says_what_to_do()
    {
        await using var corpus = await Notes(rows: 1);

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Get<ResolvedCorpora>().Get("notes", default));

        Assert.Contains("run 'embeddings migrate notes' first", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_notices_that_another_migrated_to_another_rule()
    {
        var time = new FakeProvider.ManualTime();
        await using var corpus = await Notes(rows: 1);
        await corpus.Migrate();
        var old = new ResolvedCorpora(
            corpus.Get<CorpusSet>(), _database.Source, corpus.Get<Catalogue>(), corpus.Get<SchemaVersion>(),
            corpus.Get<IMigrationObstacles>(), corpus.Get<EmbeddingFunctions.Settings.EmbeddingSettings>(), time);
        var bound = await old.Get("notes", default);
        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "NOTE {title}" }));
        await changed.Migrate();

        Assert.Same(bound, await old.Get("notes", default));
        time.Advance(seconds: 11);
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => old.Get("notes", default));
    }

    [Fact]
    public async Task A_table_of_another_program_in_the_way_is_a_clear_error()
    {
        await using var corpus = await Notes(rows: 1);
        await _database.Execute("CREATE SCHEMA embedding CREATE TABLE jobs (id uuid PRIMARY KEY)");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains(
            "\"jobs\" already exists in the schema 'embedding', and no migration made it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sample_tables_that_do_not_fit_those_there_are_a_clear_error()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await _database.Execute("CREATE TABLE repositories (id bigint PRIMARY KEY)");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate(withSampleTables: true));

        Assert.Contains("cannot be implemented (42804)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_of_another_width_is_a_clear_error()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await _database.Execute("CREATE EXTENSION vector; CREATE TABLE similarity_cache (embedding vector(768))");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate(withSampleTables: true));

        Assert.Contains("similarity_cache.embedding is vector(768), the corpus says vector(384)", error.Message, StringComparison.Ordinal);
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

    private async Task<string?> PendingIndex() =>
        Assert.Single(
            await _database.Rows("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embedding_pending_notes%'"))[0] as string;

    private Task<DeclaredCorpus> Notes(int rows) => Declarations.CreateNotes(_database, rows);
}
