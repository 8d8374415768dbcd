using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The index for search is built when that pays.</summary>
public sealed class SearchIndexTests : IAsyncLifetime
{
    private const int Many = 1_200;
    private const string Oid = "SELECT oid FROM pg_class WHERE relname = 'embedding_hnsw_vectors_notes_note'";

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task A_first_backfill_goes_before_its_index_which_the_run_builds(string store)
    {
        await using var notes = await Notes(Many, store);
        var (migrated, built) = (new List<string>(), new List<string>());

        await notes.Migrate(progress: migrated.Add);

        Assert.Contains(
            migrated, line => line.Contains("is left to the end of the first backfill") && line.Contains("1,200 of 1,200 rows"));
        Assert.Equal([SearchIndexState.Missing], await States(notes));
        notes.Get<ISearchIndexes>().Progressed += built.Add;
        var outcome = await notes.Run();
        Assert.Equal((Many, null), (outcome.Counts.Embedded, outcome.Error));
        Assert.Contains(built, line => line.StartsWith("building the index embedding_hnsw", StringComparison.Ordinal));
        Assert.Equal([SearchIndexState.Ready], await States(notes));
        Assert.True(await _database.Ask<bool>(
            "SELECT bool_and(setting = reset_val) FROM pg_settings WHERE name LIKE '%maintenance_work%' OR name LIKE 'min_parallel%'"));
    }

    [Fact]
    public async Task It_is_built_although_new_rows_keep_coming()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();
        using var end = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                await _database.Execute("INSERT INTO notes (title) VALUES ('one more')");
                await Task.Delay(5);
            }
        });

        var outcome = await notes.Run();
        await end.CancelAsync();
        await writing;

        Assert.Equal([SearchIndexState.Ready], await States(notes));
        Assert.True(
            await _database.Ask<long>("SELECT count(*) FROM notes") > outcome.Counts.Embedded, "No row came while the index was built.");
    }

    [Theory]
    [InlineData("now", Many, SearchIndexState.Ready)]
    [InlineData("after", 10, SearchIndexState.Missing)]
    [InlineData("auto", 10, SearchIndexState.Ready)]
    [InlineData("auto", 0, SearchIndexState.Ready)]
    [InlineData("after", 0, SearchIndexState.Ready)]
    public async Task The_declaration_says_when(string build, int rows, SearchIndexState expected)
    {
        await using var notes = await Notes(rows, "table", build);

        await notes.Migrate();

        Assert.Equal([expected], await States(notes));
        await notes.Run();
        Assert.Equal([SearchIndexState.Ready], await States(notes));
    }

    [Fact]
    public async Task Where_workers_lack_shared_memory_it_is_built_without_them()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();
        // As in a container whose /dev/shm is too small.
        await _database.Execute(
            """
            CREATE TABLE serial_builds (tag text);
            CREATE FUNCTION refuse_workers() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF current_setting('max_parallel_maintenance_workers')::int > 0 THEN
                    RAISE EXCEPTION 'could not resize shared memory segment' USING ERRCODE = 'disk_full';
                END IF;
                INSERT INTO serial_builds VALUES (tg_tag);
            END $$;
            CREATE EVENT TRIGGER refuse_workers ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse_workers();
            """);

        var outcome = await notes.Run();

        Assert.Null(outcome.Error);
        Assert.Equal([SearchIndexState.Ready], await States(notes));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM serial_builds"));
    }

    [Fact]
    public async Task One_that_is_declared_manual_is_built_when_a_person_asks_for_it()
    {
        await using var notes = await Notes(10, "table", "manual");
        await notes.MigrateAndRun();
        Assert.Equal([SearchIndexState.Missing], await States(notes));

        await notes.Get<ISearchIndexes>().BuildNow(await Resolved(notes), default);

        Assert.Equal([SearchIndexState.Ready], await States(notes));
    }

    [Fact]
    public async Task A_person_gets_it_although_rows_wait()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();

        await notes.Get<ISearchIndexes>().BuildNow(await Resolved(notes), default);

        Assert.Equal([SearchIndexState.Ready], await States(notes));
    }

    [Fact]
    public async Task A_migration_is_done_while_its_index_waits()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();
        var again = new List<string>();

        await notes.Migrate(progress: again.Add);

        Assert.Contains(again, line => line.Contains("is left to the end"));
        Assert.Equal("", await notes.Get<Schema.Migrator>().Plan(notes.Corpus, new Schema.MigrationOptions(), default));
    }

    [Fact]
    public async Task A_run_that_leaves_most_rows_pending_builds_none()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();

        await notes.Get<InProcessEngine>().Run(new RunRequest("notes", [], Limit: 100), null, default);
        Assert.Equal([SearchIndexState.Missing], await States(notes));

        await notes.Run();
        Assert.Equal([SearchIndexState.Ready], await States(notes));
    }

    [Fact]
    public async Task An_index_that_was_left_invalid_is_replaced_by_the_next_run()
    {
        await using var notes = await Notes(10, "table");
        await notes.MigrateAndRun();
        var before = await _database.Ask<uint>(Oid);
        await _database.Execute($"UPDATE pg_index SET indisvalid = false WHERE indexrelid = ({Oid})");
        Assert.Equal([SearchIndexState.Invalid], await States(notes));

        await notes.Run();

        Assert.Equal([SearchIndexState.Ready], await States(notes));
        Assert.NotEqual(before, await _database.Ask<uint>(Oid));
    }

    [Fact]
    public async Task A_server_that_refuses_the_building_leaves_a_run_completed_and_is_not_asked_again_at_once()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();
        await _database.Execute(
            """
            CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no index today'; END $$;
            CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse();
            """);

        var outcome = await notes.Run();

        Assert.Equal((RunStatus.Completed, Many), (outcome.Status, outcome.Counts.Embedded));
        Assert.Contains("no index today", outcome.Error);
        Assert.Null((await notes.Run()).Error);
        Assert.Equal([SearchIndexState.Missing], await States(notes));
    }

    [Fact]
    public async Task A_role_that_does_not_own_the_table_leaves_the_building_to_its_owner()
    {
        await using var notes = await Notes(Many, "table");
        await notes.Migrate();
        var role = $"app_{_database.Name}";
        await _database.Execute(
            $"""
            CREATE ROLE {role} LOGIN;
            GRANT USAGE ON SCHEMA public, embedding TO {role};
            GRANT ALL ON ALL TABLES IN SCHEMA public, embedding TO {role};
            """);
        try
        {
            await using var source = Database.Open(
                new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = role, Pooling = false }.ConnectionString);
            await using var app = new DeclaredCorpus(source, Declaration("table"));

            var outcome = await app.Run();

            Assert.Equal((Many, null), (outcome.Counts.Embedded, outcome.Error));
            var index = Assert.Single(await Indexes(app));
            Assert.Equal((SearchIndexState.Missing, false), (index.State, index.MayBeBuilt));
            await notes.Run();
            Assert.Equal([SearchIndexState.Ready], await States(notes));
        }
        finally
        {
            await _database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task An_index_is_built_again_in_place_of_the_one_that_searches_use()
    {
        await using var notes = await Notes(10, "table");
        await notes.MigrateAndRun();
        var before = await _database.Ask<uint>(Oid);

        await notes.Get<ISearchIndexes>().Rebuild(await Resolved(notes), default);

        Assert.NotEqual(before, await _database.Ask<uint>(Oid));
        Assert.Equal([SearchIndexState.Ready], await States(notes));
    }

    private async Task<DeclaredCorpus> Notes(int rows, string store, string? build = null)
    {
        await (await Declarations.CreateNotes(_database, rows)).DisposeAsync();
        return new DeclaredCorpus(_database.Source, Declaration(store, build));
    }

    private static object Declaration(string store, string? build = null) => new
    {
        name = "notes",
        store,
        dimensions = 16,
        startsPerMinute = 1_000,
        index = new { build = build ?? "auto" },
        tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
    };

    private static Task<ResolvedCorpus> Resolved(DeclaredCorpus notes) => notes.Get<ResolvedCorpora>().Get("notes", default);

    private static async Task<IReadOnlyList<SearchIndex>> Indexes(DeclaredCorpus notes) =>
        await notes.Get<ISearchIndexes>().States(await Resolved(notes), default);

    private static async Task<IEnumerable<SearchIndexState>> States(DeclaredCorpus notes) =>
        (await Indexes(notes)).Select(index => index.State);
}
