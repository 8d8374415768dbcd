using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What a table's trigger tells, and to whom it belongs.</summary>
public sealed class NotifyTriggerDdlTests : IAsyncLifetime
{
    private static readonly object _table = new
    {
        kind = "note",
        table = "notes",
        partition = "tenant",
        text = "{title}. {body}",
        changedAt = "edited_at",
        filter = new[] { new { column = "is_draft", equalTo = "false" } },
    };

    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE tenants (id int PRIMARY KEY);
            INSERT INTO tenants VALUES (1), (2);
            CREATE TABLE notes (
                id int PRIMARY KEY, tenant int NOT NULL, title text, body text, state text, is_draft boolean NOT NULL DEFAULT false,
                    edited_at timestamptz DEFAULT now());
            INSERT INTO notes (id, tenant, title) SELECT n, 1, 'title ' || n FROM generate_series(1, 3) n;
            """);
        _corpus = Declared(trigger: true);
        await _corpus.Migrate();
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData("INSERT INTO notes (id, tenant, title) VALUES (9, 1, 'new')", true)]
    [InlineData("INSERT INTO notes (id, tenant, title) VALUES (1, 1, 'new') ON CONFLICT (id) DO UPDATE SET body = 'edited'", true)]
    [InlineData("UPDATE notes SET title = 'edited' WHERE id = 1", true)]
    [InlineData("UPDATE notes SET body = 'new', state = 'closed'", true)]
    [InlineData("UPDATE notes SET body = NULL, title = title", false)]
    [InlineData("UPDATE notes SET is_draft = true WHERE id = 1", true)]
    [InlineData("UPDATE notes SET tenant = 2 WHERE id = 1", true)]
    [InlineData("UPDATE notes SET state = 'closed'", false)]
    [InlineData("UPDATE notes SET edited_at = now()", false)]
    [InlineData("UPDATE notes SET embedding = NULL, embedding_rule = NULL", false)]
    [InlineData("DELETE FROM notes", false)]
    public async Task Only_what_may_make_an_item_pending_is_reported(string sql, bool isTold) =>
        Assert.Equal(isTold ? ["notes"] : [], await Heard(() => _database.Execute(sql)));

    [Theory]
    [InlineData("none")]
    [InlineData("content")]
    public async Task The_type_of_a_column_may_be_altered_and_its_edits_are_noted_and_reported_as_before(string queue)
    {
        await _database.Execute("CREATE TABLE memos (id int PRIMARY KEY, title text, state text)");
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "memos",
            dimensions = 16,
            trigger = true,
            tables = new[]
            {
                new
                {
                    kind = "memo",
                    table = "memos",
                    text = "{title}",
                    queue,
                    filter = new[] { new { column = "state", equalTo = "open" } }
                }
            },
        });
        await corpus.Migrate();
        await _database.Execute("INSERT INTO memos VALUES (1, 'one', 'open'), (2, 'two', 'open')");
        await corpus.Run();

        await _database.Execute("ALTER TABLE memos ALTER COLUMN title TYPE varchar(500), ALTER COLUMN state TYPE varchar(9)");

        // In sessions from before, whose functions were planned for the old type, and in new ones.
        foreach (var title in new[] { "edited", "edited again" })
        {
            Assert.Equal(["memos"], await Heard(() => _database.Execute("UPDATE memos SET title = $1 WHERE id = 1", title)));
            _database.Source.Clear();
            Assert.Empty(await Heard(() => _database.Execute("UPDATE memos SET title = title")));
            Assert.Equal(
                1, await _database.Ask<long>("SELECT count(*) FROM memos WHERE embedding_rule LIKE '@%' OR embedding_rule IS NULL"));
            Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        }
    }

    [Fact]
    public async Task The_engines_own_writes_wake_no_host() =>
        Assert.Empty(await Heard(async () => Assert.Equal(3, (await _corpus.Run()).Counts.Embedded)));

    [Fact]
    public async Task A_transaction_of_many_edits_is_notified_once_and_one_that_is_rolled_back_never()
    {
        var heard = await Heard(async () =>
        {
            await using var connection = await _database.Source.OpenConnectionAsync();
            foreach (var end in (string[])["COMMIT", "ROLLBACK"])
            {
                await Do(connection, "BEGIN");
                await Do(connection, "UPDATE notes SET title = 'a' WHERE id = 1");
                await Do(connection, "UPDATE notes SET title = 'b' WHERE id = 2");
                await Do(connection, end);
            }
        });

        Assert.Equal(["notes"], heard);
    }

    [Fact]
    public async Task A_writer_without_any_right_to_what_is_ours_is_not_hindered()
    {
        var role = $"writer_{_database.Name}";
        await _database.Execute($"CREATE ROLE {role}; GRANT SELECT, UPDATE (title) ON notes TO {role}");
        try
        {
            Assert.Equal(
                ["notes"], await Heard(() => _database.Execute($"SET ROLE {role}; UPDATE notes SET title = 'edited'; RESET ROLE")));
        }
        finally
        {
            await _database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task Two_kinds_in_a_table_wake_by_the_columns_of_both()
    {
        await _database.Execute("CREATE TABLE mixed (id int PRIMARY KEY, type text, a text, b text, c text)");
        object Kind(string kind, string text) =>
            new { kind, table = "mixed", text, filter = new[] { new { column = "type", equalTo = kind } } };
        await using var corpus = new DeclaredCorpus(
            _database.Source,
            new { name = "mixed", dimensions = 16, trigger = true, tables = new[] { Kind("x", "{a}"), Kind("y", "{b}") } });
        await corpus.Migrate();
        await _database.Execute("INSERT INTO mixed VALUES (1, 'x', 'a', 'b', 'c')");

        foreach (var (column, isTold) in new[] { ("a", true), ("b", true), ("type", true), ("c", false) })
        {
            Assert.Equal(isTold ? ["mixed"] : [], await Heard(() => _database.Execute($"UPDATE mixed SET {column} = 'edited'")));
        }
    }

    [Fact]
    public async Task A_partition_that_is_written_to_by_its_own_name_wakes_as_well()
    {
        await _database.Execute(
            """
            CREATE TABLE logs (id int PRIMARY KEY, title text) PARTITION BY RANGE (id);
            CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (100);
            """);
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "logs",
            dimensions = 16,
            trigger = true,
            tables = new[] { new { kind = "log", table = "logs", text = "{title}" } },
        });
        await corpus.Migrate();

        Assert.Equal(["logs"], await Heard(() => _database.Execute("INSERT INTO logs_1 VALUES (1, 'a'), (2, 'b')")));
        Assert.Equal(["logs"], await Heard(() => _database.Execute("UPDATE logs SET title = 'edited'")));
    }

    [Fact]
    public async Task Without_the_declaration_a_migration_takes_the_trigger_away_and_the_older_declaration_does_not_bring_it_back()
    {
        await using var quiet = Declared(trigger: false);
        await quiet.Migrate();

        Assert.Equal(0, await Triggers());
        Assert.Empty(await Heard(() => _database.Execute("UPDATE notes SET title = 'edited'")));
        Assert.Equal(3, (await quiet.Run()).Counts.Embedded);
        Assert.Contains(
            "is the older one", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => _corpus.Migrate())).Message,
            StringComparison.Ordinal);
        await _corpus.Migrate(yes: true);
        Assert.Equal(1, await Triggers());
    }

    [Fact]
    public async Task What_is_taken_away_takes_the_trigger_along()
    {
        await _corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal(0, await Triggers());
        Assert.Empty(await Heard(() => _database.Execute("UPDATE notes SET title = 'edited'")));
    }

    private DeclaredCorpus Declared(bool trigger) => new(_database.Source, new
    {
        name = "notes",
        dimensions = 16,
        trigger,
        partitions = new { table = "tenants", column = "id" },
        tables = new[] { _table },
    });

    // Functions that tell.
    private Task<long> Triggers() =>
        _database.Ask<long>("SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%pg_notify%' AND proname LIKE 'embedding%'");

    // Notifications come in the order of their commits: those before the last one are all.
    private async Task<List<string>> Heard(Func<Task> work)
    {
        const string LastWord = "that is all";
        var heard = new List<string>();
        await using var connection = await _database.Source.OpenConnectionAsync();
        connection.Notification += (_, notice) => heard.Add(notice.Payload);
        await Do(connection, $"LISTEN {WorkNotices.Channel}");
        await work();
        await _database.Execute("SELECT pg_notify($1, $2)", WorkNotices.Channel, LastWord);
        while (!heard.Contains(LastWord))
        {
            Assert.True(await connection.WaitAsync(TimeSpan.FromSeconds(30)), "The last word did not come.");
        }

        await Do(connection, "UNLISTEN *");
        return heard[..^1];
    }

    private static async Task Do(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
