using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The view of pending items that a corpus may declare.</summary>
public sealed class PendingViewTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Columns_of_a_view_may_differ_in_type_between_tables()
    {
        await _database.Execute(
            """
            CREATE TABLE a (id uuid PRIMARY KEY, title varchar(10), tenant uuid, changed timestamptz);
            CREATE TABLE b (id int PRIMARY KEY, title text, tenant int, changed timestamp(3));
            INSERT INTO a VALUES (gen_random_uuid(), 'A', gen_random_uuid(), '2026-01-02 00:00+00');
            INSERT INTO b VALUES (1, 'B', 7, '2026-01-03 00:00');
            """);
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = 16,
            tables = new[]
            {
                new { kind = "a", table = "a", text = "{title}", changedAt = "changed" },
                new { kind = "b", table = "b", text = "{title}", changedAt = "changed" }
            },
            pendingView = Declarations.View("pending", "title", "tenant", "changed"),
        });
        await corpus.Migrate();

        var rows = await _database.Rows("SELECT title, tenant, changed FROM pending");

        Assert.Equal(["B", "A"], rows.Select(row => row[0]));
        Assert.Equal(("7", new DateTime(2026, 1, 3, 0, 0, 0, DateTimeKind.Utc)), (rows[0][1], rows[0][2]));
    }

    [Fact]
    public async Task A_view_is_replaced_in_its_place_with_what_others_built_on_it()
    {
        await using (await Declarations.CreateNotes(_database, 2))
        {
            await using var first = WithView("note {title}", "title");
            await first.Migrate();
        }

        await _database.Execute("CREATE VIEW dashboard AS SELECT count(*) FROM pending");

        // Another rule, the same columns.
        await using (var second = WithView("NOTE {title}", "title"))
        {
            await second.Migrate();
            Assert.Equal(2, await _database.Ask<long>("SELECT * FROM dashboard"));
        }

        // Other columns, which a view cannot change under those that depend on it.
        await using var third = WithView("NOTE {title}", "body");
        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => third.Migrate());
        Assert.Contains("cannot drop view pending because other objects depend on it", error.Message, StringComparison.Ordinal);

        await _database.Execute("DROP VIEW dashboard");
        await third.Migrate();
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pending WHERE body IS NULL"));
    }

    [Fact]
    public async Task A_view_named_like_a_table_is_a_clear_error_and_the_table_stays()
    {
        await using (await Declarations.CreateNotes(_database, 2))
        {
            await _database.Execute("CREATE TABLE pending (x int)");
            await using var corpus = WithView("{title}", "title");

            Assert.Contains(
                "\"pending\" is not a view: drop that first, or declare another name",
                (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pending"));
    }

    [Fact]
    public async Task A_column_of_a_view_is_altered_once_the_view_is_dropped_and_a_migration_makes_it_again()
    {
        await using (await Declarations.CreateNotes(_database, 2))
        {
            await using var corpus = WithView("{title}", "title");
            await corpus.Migrate();

            await _database.Execute("DROP VIEW pending; ALTER TABLE notes ALTER COLUMN title TYPE varchar(500)");

            Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
            await corpus.Migrate();
            Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pending"));
        }
    }

    private DeclaredCorpus WithView(string text, string column) => new(_database.Source, new
    {
        name = "notes",
        dimensions = 16,
        tables = new[] { new { kind = "note", table = "notes", text } },
        pendingView = Declarations.View("pending", column),
    });
}
