using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Rows that policies or triggers of their owner keep from being written: they fail by themselves, and the run ends.</summary>
public sealed class UnwritableRowsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private string _role = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _role = $"engine_{_database.Name}";
        await _database.Execute($"CREATE ROLE {_role} LOGIN");
    }

    public async Task DisposeAsync()
    {
        await _database.Execute($"DROP OWNED BY {_role} CASCADE; DROP ROLE {_role}");
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData("CREATE POLICY s ON notes FOR SELECT USING (true); CREATE POLICY u ON notes FOR UPDATE USING (id > 2)")]
    [InlineData("CREATE POLICY s ON notes FOR SELECT USING (true); CREATE POLICY u ON notes FOR UPDATE USING (true) WITH CHECK (id > 2)")]
    public async Task A_run_ends_though_a_policy_shows_rows_that_it_does_not_let_be_changed(string policies)
    {
        await using var owner = await Declarations.CreateNotes(_database, 5);
        await owner.Migrate();
        await _database.Execute(
            $"GRANT USAGE ON SCHEMA public, embedding TO {_role}; GRANT ALL ON ALL TABLES IN SCHEMA public, embedding TO {_role}; "
                + $"ALTER TABLE notes ENABLE ROW LEVEL SECURITY; {policies}");
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _role }.ConnectionString);
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        var run = await corpus.Get<InProcessEngine>().Run(new RunRequest("notes", [], Concurrency: 2), null, default)
            .WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((3, 2), (run.Counts.Embedded, run.Counts.Failed));
        Assert.All(
            await corpus.Get<FailedItems>().List("notes", 10, default),
            item => Assert.Contains("row", item.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task D13_one_row_that_a_trigger_refuses_keeps_no_other_from_being_ignored()
    {
        await using var corpus = await Failed("embedded");

        Assert.Equal(new IgnoredItems(4, 0, 1), await corpus.Get<FailedItems>().Ignore("notes", new FailureFilter([]), default));
        Assert.Equal(4, await Count("embedding_state = 'ignored'"));
    }

    [Fact]
    public async Task D13_one_row_that_a_trigger_refuses_keeps_no_other_from_being_tried_again()
    {
        await using var corpus = await Failed("failed");

        Assert.Equal(new RetriedItems(4, 1), await corpus.Get<FailedItems>().Retry("notes", new FailureFilter([]), default));
        Assert.Equal(4, await Count("embedding_rule IS NULL"));
        Assert.Equal("3", Assert.Single(await corpus.Get<FailedItems>().List("notes", 10, default)).Id);
    }

    [Fact]
    public async Task D13_one_ignored_row_that_a_trigger_refuses_keeps_no_other_that_is_named_from_being_tried_again()
    {
        await using var corpus = await Failed("ignored");
        await _database.Execute("DELETE FROM embedding.claims");
        var named = new FailureFilter([.. Enumerable.Range(1, 5).Select(id => ("note", $"{id}"))]);

        Assert.Equal(new RetriedItems(4, 1), await corpus.Get<FailedItems>().Retry("notes", named, default));
        Assert.Equal(4, await Count("embedding_rule IS NULL AND embedding_state IS NULL"));
    }

    [Fact]
    public async Task D13_a_row_that_another_keeps_locked_keeps_no_other_from_being_tried_again()
    {
        await using var corpus = await Failed("failed");
        await _database.Execute("DROP TRIGGER refuse ON notes");
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("SELECT FROM notes WHERE id = 3 FOR UPDATE", connection))
        {
            await command.ExecuteNonQueryAsync();
        }

        Assert.Equal(new RetriedItems(4, 1), await corpus.Get<FailedItems>().Retry("notes", new FailureFilter([]), default));
    }

    [Fact]
    public async Task D13_one_row_that_a_trigger_refuses_keeps_no_other_from_being_repaired()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 5);
        await corpus.MigrateAndRun();
        await _database.Execute($"UPDATE notes SET content_hash = repeat('0', 64); {Refuse}");

        Assert.Equal(
            (5, 1),
            await corpus.Get<EmbeddingFunctions.Status.Audit>().Of("notes", isRepaired: true, default) is var audit
                ? (audit.Found["note"], audit.Refused)
                : default);
        Assert.Equal(4, await Count("embedding_rule IS NULL"));
    }

    [Fact]
    public async Task D13_one_row_that_a_trigger_refuses_keeps_no_other_from_being_embedded_through_the_queue()
    {
        await using var corpus = await Queued();
        await corpus.MigrateAndRun();
        await _database.Execute(Refuse);

        Assert.Equal(new AskedRows(5), await corpus.Get<QueueRows>().Requeue("notes", [], default));
        var run = await corpus.Run();

        Assert.Equal((4, 0), (run.Counts.Processed, run.Counts.Failed));
        Assert.Equal(
            [["failed", "the database refused the row: closed (P0001)"]],
            await _database.Rows("SELECT status, error_message FROM embedding_queue WHERE record_id = '3'"));
        Assert.Equal(4, await _database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'completed'"));
    }

    [Fact]
    public async Task D13_one_request_that_a_constraint_refuses_keeps_no_other_from_being_made()
    {
        await using var corpus = await Queued();
        await corpus.MigrateAndRun();
        await _database.Execute("ALTER TABLE embedding_queue ADD CHECK (NOT (record_id = '3' AND status = 'pending')) NOT VALID");
        var queue = corpus.Get<QueueRows>();

        Assert.Equal(new AskedRows(4, 1), await queue.Requeue("notes", [], default));
        await _database.Execute("UPDATE embedding_queue SET status = 'failed', error_message = 'bad', taken_at = now()");
        Assert.Equal(new AskedRows(4, 1), await queue.Retry("notes", [], null, default));
    }

    [Fact]
    public async Task D13_one_row_that_a_trigger_refuses_keeps_no_other_from_being_queued_by_a_migration()
    {
        await using var corpus = await Queued();
        await _database.Execute(Refuse);
        var told = new List<string>();

        await corpus.Migrate(progress: told.Add);

        Assert.Contains(told, line => line.StartsWith("1 rows are as they were", StringComparison.Ordinal));
        Assert.Equal(4, await Count("embedding_content IS NOT NULL"));
    }

    [Fact]
    public async Task D13_one_request_that_the_owner_refers_to_keeps_no_other_old_one_from_being_forgotten()
    {
        await using var corpus = await Queued();
        await corpus.MigrateAndRun();
        await _database.Execute(
            """
            UPDATE embedding_queue SET processed_at = now() - interval '91 days', taken_at = now();
            CREATE TABLE invoices (request uuid REFERENCES embedding_queue);
            INSERT INTO invoices SELECT id FROM embedding_queue WHERE record_id = '3';
            """);

        await corpus.Run();

        Assert.Equal("3", await _database.Ask<string>("SELECT string_agg(record_id, ' ') FROM embedding_queue"));
    }

    private const string Refuse =
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF OLD.id = 3 THEN RAISE EXCEPTION ''closed''; END IF; RETURN NEW; END';
        CREATE TRIGGER refuse BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION refuse();
        """;

    private Task<long> Count(string condition) => _database.Ask<long>($"SELECT count(*) FROM notes WHERE {condition}");

    // Five notes that failed, of which the third cannot be written.
    private async Task<DeclaredCorpus> Failed(string state)
    {
        var corpus = await Declarations.CreateNotes(_database, 5);
        await corpus.MigrateAndRun();
        await _database.Execute(
            $"""
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, reason, failed_at, retry_at, content_hash)
            SELECT 'notes', 'note', id::text, '', 3, 'bad', now(), now() + interval '1 hour', content_hash FROM notes;
            UPDATE notes SET embedding_rule = {(state == "embedded" ? "NULL" : "embedding_rule")}, embedding_state = '{state}';
            {Refuse}
            """);
        return corpus;
    }

    private async Task<DeclaredCorpus> Queued()
    {
        await using (await Declarations.CreateNotes(_database, 5))
        {
            return new DeclaredCorpus(
                _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", queue = "content" }));
        }
    }
}
