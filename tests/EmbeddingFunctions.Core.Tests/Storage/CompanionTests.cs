using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Vectors in a table beside the rows: the rows' own table is never written, and every change of it is followed.</summary>
public sealed class CompanionTests : IAsyncLifetime
{
    private const string Vectors = "embedding.vectors_notes_note";

    private static readonly string[] _lineKey = ["id", "day"];
    private static readonly string[] _pageKey = ["tenant", "path"];

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Rows_are_embedded_and_their_table_is_left_as_it_is()
    {
        await using var corpus = await Notes();
        var file = await _database.Ask<string>("SELECT string_agg(xmin::text || ctid, ',' ORDER BY id) FROM notes");

        await corpus.MigrateAndRun();

        Assert.Equal(3, await Count($"embedding IS NOT NULL AND embedding_state = 'embedded'"));
        Assert.Equal(file, await _database.Ask<string>("SELECT string_agg(xmin::text || ctid, ',' ORDER BY id) FROM notes"));
        Assert.Equal(3, await _database.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0"));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM pg_index WHERE indrelid = 'notes'::regclass"));
        Assert.Equal(0, (await corpus.Run()).Counts.Claimed);
    }

    [Fact]
    public async Task Inserts_edits_and_deletes_are_followed()
    {
        await using var corpus = await Notes();
        await corpus.MigrateAndRun();

        await _database.Execute(
            """
            INSERT INTO notes (id, title) VALUES (4, 'four'), (5, 'five');
            UPDATE notes SET title = 'other' WHERE id = 1;
            UPDATE notes SET hits = hits + 1;
            DELETE FROM notes WHERE id = 2;
            """);

        Assert.Equal(0, await Count("id = 2"));
        var status = Assert.Single((await corpus.Get<StatusReport>().Of("notes", default)).Kinds);
        Assert.Equal((4, 3), (status.Total, status.Pending));
        Assert.Equal(3, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(4, await Count("embedding IS NOT NULL"));
        await _database.Execute("UPDATE notes SET id = 40 WHERE id = 4");
        Assert.Equal(0, await Count("id = 4"));
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(1, await Count("id = 40 AND embedding IS NOT NULL"));
        await _database.Execute("TRUNCATE notes");
        Assert.Equal(0, await Count("true"));
    }

    [Fact]
    public async Task A_row_that_leaves_the_filter_loses_its_vector_and_one_that_enters_it_gets_one()
    {
        await using var corpus = await Notes(
            new { kind = "note", table = "notes", text = "{title}", filter = new[] { new { column = "hits", equalTo = "0" } } });
        await corpus.MigrateAndRun();

        await _database.Execute("UPDATE notes SET hits = 1 WHERE id = 1");

        Assert.Equal(2, await Count("true"));
        await _database.Execute("UPDATE notes SET hits = 0 WHERE id = 1");
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task Another_filter_takes_in_the_rows_that_it_keeps_and_leaves_the_others()
    {
        static object Table(string hits) =>
            new { kind = "note", table = "notes", text = "{title}", filter = new[] { new { column = "hits", equalTo = hits } } };
        await using var before = await Notes(Table("0"));
        await before.MigrateAndRun();
        await _database.Execute("INSERT INTO notes VALUES (4, 'four', 1), (5, 'five', 1)");

        await using var after = new DeclaredCorpus(_database.Source, Declared(Table("1")));
        await after.MigrateAndRun();

        Assert.Equal((2, 2), (await Count("id IN (4, 5) AND embedding IS NOT NULL"), await Count("true")));
    }

    [Fact]
    public async Task A_key_of_several_columns_is_one_key()
    {
        await _database.Execute(
            """
            CREATE TABLE pages (tenant uuid, path text COLLATE "C", body text, PRIMARY KEY (tenant, path));
            INSERT INTO pages SELECT md5((n % 3)::text)::uuid, '/"p,' || n, 'page ' || n FROM generate_series(1, 2500) n;
            """);
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declared(new { kind = "page", table = "pages", key = _pageKey, text = "{body}" }));

        await corpus.MigrateAndRun();

        Assert.Equal(
            2500,
            await _database.Ask<long>(
                "SELECT count(*) FROM embedding.vectors_notes_page v JOIN pages p USING (tenant, path) WHERE v.embedding IS NOT NULL"));
        await _database.Execute("UPDATE pages SET body = 'other' WHERE path = '/\"p,7'; DELETE FROM pages WHERE path = '/\"p,8'");
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(2499, await _database.Ask<long>("SELECT count(*) FROM embedding.vectors_notes_page WHERE embedding IS NOT NULL"));
    }

    [Fact]
    public async Task Two_corpora_may_embed_one_table()
    {
        await using var titles = await Notes();
        await using var hits = new DeclaredCorpus(
            _database.Source,
            new
            {
                name = "hits",
                dimensions = 8,
                store = "table",
                tables = new[] { new { kind = "hit", table = "notes", text = "{hits} hits" } }
            });
        await titles.MigrateAndRun();

        await hits.MigrateAndRun();
        await _database.Execute("UPDATE notes SET hits = 7 WHERE id = 3");

        Assert.Equal((0, 1), ((await titles.Run()).Counts.Embedded, (await hits.Run()).Counts.Embedded));
    }

    [Theory]
    [InlineData("ALTER TABLE notes RENAME COLUMN title TO headline", "UPDATE notes SET headline = 'new' WHERE id = 1")]
    [InlineData("ALTER TABLE notes DROP COLUMN title", "UPDATE notes SET hits = 9 WHERE id = 1")]
    [InlineData("ALTER TABLE notes ALTER COLUMN title TYPE jsonb USING to_jsonb(title)", "UPDATE notes SET title = '[1]' WHERE id = 1")]
    public async Task An_altered_table_keeps_its_writers(string alter, string update)
    {
        await using var corpus = await Notes();
        await corpus.MigrateAndRun();

        await _database.Execute(alter);
        await _database.Execute(update);
        await _database.Execute("INSERT INTO notes (id) VALUES (9); DELETE FROM notes WHERE id = 2; TRUNCATE notes");

        Assert.Equal(0, await Count("true"));
    }

    [Theory]
    [InlineData("UPDATE notes SET title = 'edited' WHERE id = NEW.item_id::int AND title <> 'edited'")]
    [InlineData("DELETE FROM notes WHERE id = 1 AND title = 'one'; INSERT INTO notes VALUES (1, 'another') ON CONFLICT DO NOTHING")]
    public async Task An_edit_while_the_vector_is_made_stays_pending(string edit)
    {
        await using var corpus = await Notes();
        await corpus.Migrate();
        await _database.Execute(
            $"""
            CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {edit}; RETURN NULL; END $$;
            CREATE TRIGGER edit AFTER INSERT ON embedding.claims FOR EACH ROW WHEN (NEW.item_id = '1') EXECUTE FUNCTION edit();
            """);

        var outcome = await corpus.Run();

        Assert.Equal((1, 3), (outcome.Counts.Changed, outcome.Counts.Embedded));
    }

    [Theory]
    [InlineData("CREATE VIEW source AS SELECT id, title FROM notes", "")]
    [InlineData("CREATE MATERIALIZED VIEW source AS SELECT id, title FROM notes", "REFRESH MATERIALIZED VIEW source")]
    [InlineData(
        """
        CREATE EXTENSION postgres_fdw;
        DO $$ BEGIN EXECUTE format('CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
            host(inet_server_addr()), inet_server_port(), current_database()); END $$;
        CREATE USER MAPPING FOR current_user SERVER self;
        IMPORT FOREIGN SCHEMA public LIMIT TO (notes) FROM SERVER self INTO embedding_test_source;
        """, "")]
    public async Task Sources_without_triggers_are_swept(string source, string refresh)
    {
        await using var notes = await Notes();
        await _database.Execute("CREATE SCHEMA embedding_test_source");
        await _database.Execute(source);
        var name = source.Contains("FOREIGN", StringComparison.Ordinal) ? "embedding_test_source.notes" : "source";
        await using var corpus = new DeclaredCorpus(_database.Source, Declared(new { kind = "note", table = name, text = "{title}" }));
        Assert.Equal(3, (await corpus.MigrateAndRun()).Counts.Embedded);

        await _database.Execute(
            "INSERT INTO notes VALUES (4, 'four'); UPDATE notes SET title = 'other' WHERE id = 1; DELETE FROM notes WHERE id = 2; "
                + $"{refresh}");

        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(3, await Count("embedding IS NOT NULL"));
        Assert.Equal(0, (await corpus.Run()).Counts.Claimed);
    }

    [Fact]
    public async Task A_partitioned_table_is_followed_through_its_partitions_too()
    {
        await _database.Execute(
            """
            CREATE TABLE "Log Lines" ("id" int, day date, "lineText" text, PRIMARY KEY ("id", day)) PARTITION BY RANGE (day);
            CREATE TABLE lines_old PARTITION OF "Log Lines" FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
            CREATE TABLE lines_new PARTITION OF "Log Lines" FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
            INSERT INTO "Log Lines" VALUES (1, '2026-01-05', 'one'), (2, '2026-02-05', 'two');
            """);
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declared(new { kind = "note", table = "Log Lines", key = _lineKey, text = "{lineText}" }));
        await corpus.MigrateAndRun();

        await _database.Execute(
            """
            INSERT INTO lines_old VALUES (3, '2026-01-06', 'three');
            UPDATE "Log Lines" SET day = '2026-02-07' WHERE "id" = 1;
            DELETE FROM lines_new WHERE "id" = 2;
            """);

        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(2, await Count("embedding IS NOT NULL"));
    }

    [Fact]
    public async Task A_removal_leaves_nothing_behind()
    {
        await using var corpus = await Notes();
        await corpus.MigrateAndRun();

        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'notes'::regclass"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname LIKE 'vectors%'"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_proc WHERE proname LIKE 'note_%'"));
    }

    private static object Declared(object table) =>
        new { name = "notes", dimensions = 16, startsPerMinute = 1_000, store = "table", tables = new[] { table } };

    private async Task<DeclaredCorpus> Notes(object? table = null)
    {
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text, hits int NOT NULL DEFAULT 0); "
                + "INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'three')");
        return new DeclaredCorpus(_database.Source, Declared(table ?? new { kind = "note", table = "notes", text = "{title}" }));
    }

    private Task<long> Count(string where) => _database.Ask<long>($"SELECT count(*) FROM {Vectors} WHERE {where}");
}
