using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Writes of the owner's only note their keys, and the next look at the corpus brings the companion up to date.</summary>
public sealed class SourceChangesTests : IAsyncLifetime
{
    private const string Vectors = "embedding.vectors_notes_note";
    private const string Changes = "embedding.embedding_changes_vectors_notes_note";

    private static readonly string[] _oddKey = ["place", "last"];

    private static readonly object _declaration = new
    {
        name = "notes",
        dimensions = 16,
        startsPerMinute = 1_000,
        store = "table",
        tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
    };

    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'three')");
        _corpus = new DeclaredCorpus(_database.Source, _declaration);
        await _corpus.MigrateAndRun();
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task An_edit_writes_nothing_where_the_vectors_are_and_is_seen_at_once()
    {
        var row = $"SELECT xmin::text || ctid FROM {Vectors} WHERE id = 1";
        var before = await _database.Ask<string>(row);

        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 1");

        Assert.Equal(before, await _database.Ask<string>(row));
        Assert.Equal("1", await _database.Ask<string>(
            "SELECT string_agg(id::text, ',') FROM embedding.live_notes_note WHERE embedding_rule IS NULL"));
        Assert.Equal((3, 1), await Status());
        Assert.Equal(1, (await _corpus.Run()).Counts.Embedded);
        Assert.Equal(0, await _database.Ask<long>($"SELECT count(*) FROM {Changes}"));
    }

    [Fact]
    public async Task A_pending_row_whose_edit_is_only_noted_is_not_claimed()
    {
        await _database.Execute("INSERT INTO notes VALUES (4, 'four'), (5, 'five')");
        Assert.Equal((5, 2), await Status());
        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 4");
        var corpus = await _corpus.Get<ResolvedCorpora>().Get("notes", default);
        async Task<IEnumerable<string>> Claimed() => (await _corpus.Get<ClaimStore>().Take(
            corpus, new EmbedBatch(Guid.NewGuid(), Guid.NewGuid(), "notes", "note", "", 20, null), default)).Items.Select(item => item.Id);

        Assert.Equal(["5"], await Claimed());
        await _corpus.Get<SourceChanges>().Settle(corpus, default);
        Assert.Equal(["4"], await Claimed());
    }

    [Fact]
    public async Task A_run_ends_though_each_batch_is_followed_by_another_edit()
    {
        await _database.Execute(
            """
            CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                UPDATE notes SET title = title || '.' WHERE id = 3 - NEW.item_id::int; RETURN NULL; END $$;
            CREATE TRIGGER edit AFTER INSERT ON embedding.claims FOR EACH ROW WHEN (NEW.item_id <> '3') EXECUTE FUNCTION edit();
            UPDATE notes SET title = 'other' WHERE id = 1;
            """);

        var outcome = await _corpus.Run().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal((RunStatus.Completed, (3L, 1L)), (outcome.Status, await Status()));
    }

    [Fact]
    public async Task A_text_that_changed_while_its_row_was_noted_already_is_embedded()
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await new NpgsqlCommand("UPDATE notes SET title = 'late' WHERE id = 1", connection).ExecuteNonQueryAsync();
        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 2");
        Assert.Equal(1, (await _corpus.Run()).Counts.Embedded);

        await transaction.CommitAsync();

        Assert.Equal((3, 1), await Status());
        Assert.Equal(1, (await _corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_row_that_its_owner_is_deleting_keeps_no_other_waiting()
    {
        await _database.Execute("UPDATE notes SET title = title || '!'");
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await new NpgsqlCommand("DELETE FROM notes WHERE id = 1", connection).ExecuteNonQueryAsync();

        Assert.Equal((3, 2), await Status());
        Assert.Equal(2, (await _corpus.Run()).Counts.Embedded);
        await transaction.CommitAsync();

        Assert.Equal((2, 0), await Status());
        Assert.Equal(0, await _database.Ask<long>($"SELECT count(*) FROM {Changes}"));
    }

    [Fact]
    public async Task A_key_that_is_used_again_has_none_of_the_vector_before()
    {
        await _database.Execute("DELETE FROM notes WHERE id = 1; INSERT INTO notes VALUES (1, 'another')");

        Assert.Equal(0, await _database.Ask<long>($"SELECT count(*) FROM {Vectors} WHERE id = 1"));
        Assert.Equal((3, 1), await Status());
    }

    [Fact]
    public async Task As_many_rows_as_are_written_are_pending()
    {
        await _database.Execute(
            "INSERT INTO notes SELECT i, 'title ' || i FROM generate_series(4, 40000) i; DELETE FROM notes WHERE id > 39000");

        Assert.Equal((39_000, 38_997), await Status());
    }

    [Fact]
    public async Task A_transaction_of_many_edits_takes_one_transaction_number()
    {
        var edits = string.Join("; ", Enumerable.Range(0, 100).Select(i => $"UPDATE notes SET title = '{i}' WHERE id = 1"));

        await _database.Execute($"BEGIN; {edits}; COMMIT");

        Assert.Equal(100, await _database.Ask<long>($"SELECT count(*) FROM {Changes}"));
        Assert.Equal(1, await _database.Ask<long>($"SELECT count(DISTINCT xmin::text) FROM {Changes}"));
    }

    [Fact]
    public async Task Only_the_product_reads_what_was_noted()
    {
        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 1");
        var role = $"reader_{Guid.NewGuid():N}";
        await _database.Execute(
            $"CREATE ROLE {role}; GRANT USAGE ON SCHEMA embedding TO {role}; "
                + $"GRANT SELECT ON notes, {Vectors}, embedding.live_notes_note TO {role}");

        await _database.Execute(
            $"""
            SET ROLE {role};
            CREATE TEMP TABLE seen AS SELECT id FROM embedding.live_notes_note WHERE embedding_rule IS NULL;
            DO $$ BEGIN
                PERFORM * FROM {Changes};
                RAISE EXCEPTION 'it may be read';
            EXCEPTION WHEN insufficient_privilege THEN
                ASSERT (SELECT array_agg(id) FROM seen) = ARRAY[1];
            END $$;
            DROP TABLE seen;
            RESET ROLE;
            """);
        await _database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
    }

    [Fact]
    public async Task Columns_with_the_names_that_the_functions_use_are_in_no_ones_way()
    {
        await _database.Execute(
            """
            CREATE TABLE odd (place int, last int, old_key_0 timestamptz DEFAULT now(), title text, PRIMARY KEY (place, last));
            INSERT INTO odd (place, last, title) VALUES (1, 1, 'one'), (2, 1, 'two')
            """);
        await using var odd = new DeclaredCorpus(_database.Source, new
        {
            name = "odd",
            dimensions = 16,
            startsPerMinute = 1_000,
            store = "table",
            tables = new[] { new { kind = "odd", table = "odd", key = _oddKey, changedAt = "old_key_0", text = "{title}" } },
        });
        await odd.MigrateAndRun();

        await _database.Execute("UPDATE odd SET title = 'other' WHERE place = 1; UPDATE odd SET place = 3 WHERE place = 2");
        Assert.Equal(2, (await odd.Run()).Counts.Embedded);

        await _database.Execute("ALTER TABLE odd RENAME last TO latest; UPDATE odd SET title = 'written all the same'");
        await _database.Execute("DROP TABLE embedding.embedding_changes_vectors_notes_note; UPDATE notes SET title = 'this too'");
    }

    [Fact]
    public async Task A_table_of_someone_elses_is_given_none_of_the_triggers()
    {
        var role = $"stranger_{Guid.NewGuid():N}";
        await _database.Execute($"CREATE ROLE {role}; GRANT USAGE ON SCHEMA embedding TO {role}");

        var refused = await Assert.ThrowsAsync<PostgresException>(() => _database.Execute(
            $"""
            SET ROLE {role};
            CREATE TEMP TABLE mine (id int);
            CREATE TRIGGER take AFTER TRUNCATE ON mine EXECUTE FUNCTION embedding.note_rows_notes_note()
            """));

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        await _database.Execute($"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}");
    }

    private async Task<(long Total, long Pending)> Status()
    {
        var kind = Assert.Single((await _corpus.Get<StatusReport>().Of("notes", default)).Kinds);
        return (kind.Total, kind.Pending);
    }
}
