using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What the tables of a corpus may look like.</summary>
public sealed class DeclaredTableTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("timestamptz")]
    [InlineData("timestamptz(3)")]
    [InlineData("timestamp")]
    [InlineData("timestamp(0)")]
    [InlineData("date")]
    public async Task A_row_touched_after_its_vector_was_made_is_looked_at_again_whatever_the_types_of_times(string type)
    {
        await _database.Execute(
            $"CREATE TABLE notes (id int PRIMARY KEY, title text, edited {type}); INSERT INTO notes VALUES (1, 'one', now() - interval '2 "
                + "days'), (2, 'two', NULL)");
        await using var corpus = Notes(new { kind = "note", table = "notes", text = "{title}", changedAt = "edited" });

        Assert.Equal(2, (await corpus.MigrateAndRun()).Counts.Embedded);
        Assert.Equal(0, (await corpus.Run()).ItemsTotal);
        await _database.Execute("UPDATE notes SET edited = now() + interval '2 days' WHERE id = 1");
        var touched = await corpus.Run();
        Assert.Equal((1, 1, 0), (touched.ItemsTotal, touched.Counts.Unchanged, touched.Counts.Embedded));
        Assert.Equal(0, (await corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task Without_a_time_of_change_edits_are_noticed_all_the_same()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();

        await _database.Execute("UPDATE notes SET title = 'edited' WHERE id = 2");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(0, (await corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task Newest_first_is_the_order_of_a_batch()
    {
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text, edited date); INSERT INTO notes SELECT n, 'note ' || n, date "
                + "'2026-01-01' + n FROM generate_series(1, 9) n");
        await using var corpus = Notes(new { kind = "note", table = "notes", text = "{title}", changedAt = "edited" });
        await corpus.Migrate();

        await corpus.Get<EmbeddingFunctions.Runs.InProcessEngine>().Run(new("notes", [], Limit: 3), null, default);

        Assert.Equal(
            [7, 8, 9], (await _database.Rows("SELECT id FROM notes WHERE embedding IS NOT NULL ORDER BY id")).Select(row => row[0]));
    }

    [Fact]
    public async Task Half_precision_vectors_are_stored_and_indexed()
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            await using var corpus = new DeclaredCorpus(
                _database.Source,
                new
                {
                    name = "notes",
                    dimensions = 3_000,
                    vectorType = "halfVec",
                    tables = new[] { new { kind = "note", table = "notes", text = "{title}" } }
                });

            Assert.Equal(3, (await corpus.MigrateAndRun()).Counts.Embedded);
        }

        Assert.Equal(
            "halfvec(3000)",
            await _database.Ask<string>(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding'"));
        Assert.Contains(
            "halfvec_cosine_ops", await _database.Ask<string>("SELECT indexdef FROM pg_indexes WHERE indexname = 'embedding_hnsw_notes'"),
            StringComparison.Ordinal);
        Assert.Equal(1.0, await _database.Ask<double>("SELECT min(l2_norm(embedding)) FROM notes"), 2);
    }

    [Fact]
    public async Task A_table_in_another_schema_is_meant_by_its_full_name_and_its_namesake_is_left_alone()
    {
        await _database.Execute(
            """
            CREATE SCHEMA "Other one"; CREATE TABLE "Other one".notes (id int PRIMARY KEY, title text); INSERT INTO "Other one".notes VALUES
                (1, 'theirs');
            CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'ours'), (2, 'ours');
            """);
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = 16,
            tables = new[] { new { kind = "note", table = "Other one.notes", text = "{title}" } },
            pendingView = Declarations.View("Other one.pending", "title"),
        });
        await corpus.Migrate();

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM \"Other one\".pending"));
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(
            4,
            await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE schemaname = 'Other one' AND indexname LIKE 'embedding_%'"));
        Assert.Equal(
            0,
            await _database.Ask<long>(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.notes'::regclass AND attname = 'embedding'"));
        await corpus.Migrate();
    }

    [Fact]
    public async Task A_table_outside_the_search_path_is_not_found_by_its_bare_name()
    {
        await _database.Execute("CREATE SCHEMA other; CREATE TABLE other.notes (id int PRIMARY KEY, title text)");
        await using var corpus = Notes();

        Assert.Contains(
            "there is no table 'notes'", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_search_path_says_which_of_two_tables_is_meant()
    {
        await _database.Execute(
            "CREATE SCHEMA first; CREATE TABLE first.notes (id int PRIMARY KEY, title text); INSERT INTO first.notes VALUES (1, 'one'); "
                + "CREATE TABLE notes (id text)");
        await using var source = Database.Open(_database.ConnectionString + ";Search Path=first,public");
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        Assert.Equal(1, (await corpus.MigrateAndRun()).Counts.Embedded);
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM first.notes WHERE embedding IS NOT NULL"));
    }

    [Fact]
    public async Task A_partitioned_table_is_a_table()
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text) PARTITION BY HASH (id);
            CREATE TABLE notes_0 PARTITION OF notes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE TABLE notes_1 PARTITION OF notes FOR VALUES WITH (MODULUS 2, REMAINDER 1);
            INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 9) n;
            """);
        await using var corpus = Notes();

        Assert.Equal(9, (await corpus.MigrateAndRun()).Counts.Embedded);
        await corpus.Migrate();
        Assert.Equal(
            4, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE tablename = 'notes' AND indexname LIKE 'embedding_%'"));
    }

    private DeclaredCorpus Notes(params object[] tables) => new(_database.Source, Declarations.Notes(tables));
}
