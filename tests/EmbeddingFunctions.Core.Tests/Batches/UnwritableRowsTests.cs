using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
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
        await _database.Execute($"GRANT USAGE ON SCHEMA public TO {_role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {_role}; ALTER TABLE notes ENABLE ROW LEVEL SECURITY; {policies}");
        await using var source = Database.Open(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _role }.ConnectionString);
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        var run = await corpus.Get<InProcessEngine>().Run(new RunRequest("notes", [], Concurrency: 2), null, default).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((3, 2), (run.Counts.Embedded, run.Counts.Failed));
        Assert.All(await corpus.Get<FailedItems>().List("notes", 10, default), item => Assert.Contains("row", item.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task One_row_that_a_trigger_refuses_keeps_no_other_from_being_ignored()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 5);
        await corpus.MigrateAndRun();
        await _database.Execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF OLD.id = 3 THEN RAISE EXCEPTION ''closed''; END IF; RETURN NEW; END';
            UPDATE notes SET embedding_rule = NULL;
            INSERT INTO embedding_claims (corpus, kind, item_id, partition, attempts, reason, failed_at, retry_at, content_hash)
            SELECT 'notes', 'note', id::text, '', 3, 'bad', now(), now() + interval '1 hour', content_hash FROM notes;
            CREATE TRIGGER refuse BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION refuse();
            """);

        var ignored = await corpus.Get<FailedItems>().Ignore("notes", new FailureChoice([]), default);

        Assert.Equal(new IgnoredItems(4, 0, 1), ignored);
        Assert.Equal(4, await _database.Ask<long>("SELECT count(*) FROM notes WHERE content_hash LIKE 'ignored:%'"));
    }
}
