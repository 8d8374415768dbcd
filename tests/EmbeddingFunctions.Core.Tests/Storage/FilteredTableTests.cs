using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Tables and partitions of which a filter keeps some rows.</summary>
public sealed class FilteredTableTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("boolean", "true", "'yes'", "false")]
    [InlineData("text", "it's", "'it''s'", "'other'")]
    [InlineData("integer", "-7", "-7", "7")]
    [InlineData("mood", "so so", "'so so'", "'good'")]
    [InlineData("timestamptz", null, "NULL", "now()")]
    [InlineData("varchar(3)", "abc", "'abc'", "'ab'")]
    [InlineData("char(3)", "ab", "'ab'", "'a'")]
    [InlineData("numeric(6,2)", "1.5", "1.50", "1.51")]
    public async Task A_filter_keeps_the_rows_with_its_value(string type, string? equalTo, string kept, string left)
    {
        await _database.Execute(
            $"""
            CREATE TYPE mood AS ENUM ('good', 'so so');
            CREATE TABLE notes (id int PRIMARY KEY, title text, state {type});
            INSERT INTO notes VALUES (1, 'one', {kept}), (2, 'two', {left}), (3, 'three', {(equalTo is null ? left : "NULL")});
            """);
        await using var corpus = Notes(
            new
            {
                kind = "note",
                table = "notes",
                text = "{title}",
                filter = new[] { new { column = "state", equalTo, isNull = equalTo is null ? true : (bool?)null } }
            });

        Assert.Equal(1, (await corpus.MigrateAndRun()).Counts.Embedded);
        Assert.Equal(1, await _database.Ask<int>("SELECT id FROM notes WHERE embedding IS NOT NULL"));
    }

    [Fact]
    public async Task A_row_that_comes_into_the_filter_becomes_pending()
    {
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text, deleted_at timestamptz); INSERT INTO notes VALUES (1, 'one', now())");
        await using var corpus = Notes(
            new { kind = "note", table = "notes", text = "{title}", filter = new[] { new { column = "deleted_at", isNull = true } } });
        Assert.Equal(0, (await corpus.MigrateAndRun()).ItemsTotal);

        await _database.Execute("UPDATE notes SET deleted_at = NULL");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("content")]
    public async Task A_generated_column_may_be_a_filter(string queue)
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, deleted_at timestamptz, is_live boolean GENERATED ALWAYS AS (deleted_at IS
                NULL) STORED);
            INSERT INTO notes VALUES (1, 'one', now()), (2, 'two', NULL);
            """);
        await using var corpus = Notes(
            new
            {
                kind = "note",
                table = "notes",
                text = "{title}",
                queue,
                filter = new[] { new { column = "is_live", equalTo = "true" } }
            });
        Assert.Equal(1, (await corpus.MigrateAndRun()).Counts.Embedded);

        await _database.Execute("UPDATE notes SET deleted_at = NULL");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(0, (await corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task Kinds_told_apart_by_a_filter_may_share_a_table()
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, type text, title text, body text);
            INSERT INTO notes SELECT n, CASE WHEN n <= 3 THEN 'memo' ELSE 'note' END, 'title ' || n, 'body ' || n FROM generate_series(1, 5)
                n;
            """);
        await using var corpus = Notes(
            new { kind = "memo", table = "notes", text = "{title}", filter = new[] { new { column = "type", equalTo = "memo" } } },
            new { kind = "note", table = "notes", text = "NOTE {body}", filter = new[] { new { column = "type", equalTo = "note" } } });

        Assert.Equal(5, (await corpus.MigrateAndRun()).Counts.Embedded);
        Assert.Equal(2, await _database.Ask<long>("SELECT count(DISTINCT embedding_rule) FROM notes"));
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'embedding_pending_notes_%'"));
        // An edit of either kind's text is noticed by the one trigger that both have.
        await _database.Execute("UPDATE notes SET title = 'edited' WHERE id = 1; UPDATE notes SET body = 'edited' WHERE id = 5");
        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
        await corpus.Migrate();
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'embedding_pending_notes_%'"));
    }

    [Fact]
    public async Task Only_active_partitions_embed()
    {
        await _database.Execute(
            """
            CREATE TABLE owners (code text PRIMARY KEY, plan text);
            CREATE TABLE tenants (name text PRIMARY KEY, owner text, closed_at date);
            CREATE TABLE notes (id int PRIMARY KEY, tenant varchar(20), title text);
            INSERT INTO owners VALUES ('o1', 'paid'), ('o2', 'free');
            INSERT INTO tenants VALUES ('in', 'o1', NULL), ('closed', 'o1', now()), ('free', 'o2', NULL), ('orphan', NULL, NULL);
            INSERT INTO notes VALUES (1, 'in', 'one'), (2, 'closed', 'two'), (3, 'free', 'three'), (4, 'orphan', 'four'), (5, 'unlisted',
                'five'), (6, NULL, 'six');
            """);
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = 16,
            partitions = new
            {
                table = "tenants",
                column = "name",
                filter = new[] { new { column = "closed_at", isNull = true } },
                owner = new
                {
                    table = "owners",
                    id = "code",
                    referredBy = "owner",
                    filter = new[] { new { column = "plan", equalTo = "paid" } }
                },
            },
            tables = new[] { new { kind = "note", table = "notes", partition = "tenant", text = "{title}" } },
        });

        Assert.Equal((1, 1), (await corpus.MigrateAndRun() is var run ? run.ItemsTotal : 0, run.Counts.Embedded));
        Assert.Equal(1, await _database.Ask<int>("SELECT id FROM notes WHERE embedding IS NOT NULL"));
    }

    private DeclaredCorpus Notes(params object[] tables) => new(_database.Source, Declarations.Notes(tables));
}
