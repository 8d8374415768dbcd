using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Seeds;

/// <summary>The faults of the workspaces' old functions, by their numbers.</summary>
public sealed class WorkspaceBugTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private TestWorkspace _workspace = null!;
    private Guid _repository;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _engine = new TestEngine(_database, _fake);
        _workspace = new TestWorkspace(_database);
        _repository = await _workspace.Repository();
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task B1_a_type_that_is_asked_for_is_the_one_that_is_embedded()
    {
        foreach (var table in new[] { "issues", "pull_requests", "discussions" })
        {
            await _workspace.Items(_repository, 3, table);
        }

        Assert.Equal(3, (await Run(kinds: "pull_request")).Counts.Embedded);
        Assert.All(_fake.PaidInputs.Keys, text => Assert.StartsWith("[PULL_REQUEST] item", text, StringComparison.Ordinal));
        Assert.Equal(6, (await Run()).Counts.Embedded);
    }

    [Fact]
    public async Task B2_a_repository_is_served_though_others_fill_the_page()
    {
        await _workspace.Items(await _workspace.Repository("acme/busy"), 300);
        await _workspace.Item(_repository, "mine", updatedAt: DateTimeOffset.UtcNow.AddYears(-1));

        var run = await _engine.Run(Request() with { Partition = $"{_repository}", PageSize = 20 });

        Assert.Equal((1, 1, 1L), (run.ItemsTotal, run.Counts.Embedded, await _workspace.Embedded()));
    }

    [Fact]
    public async Task B2_issues_that_fail_for_good_keep_no_pull_request_waiting()
    {
        await _workspace.Items(_repository, 60, words: "poison");
        await _workspace.Items(_repository, 5, "pull_requests");
        using var bad = _fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());

        var run = await _engine.Run(Request() with { PageSize = 20 });

        Assert.Equal((5, 60), (run.Counts.Embedded, run.Counts.Failed));
        Assert.Equal(5, await _workspace.Embedded("pull_requests"));
    }

    [Fact]
    public async Task B3_an_edit_changes_the_hash_and_a_touch_pays_nothing()
    {
        await _workspace.Item(_repository, "before");
        await Run();
        var before = await _database.Ask<string>("SELECT content_hash FROM issues");
        await _database.Execute("UPDATE issues SET updated_at = now() + interval '1 hour'");

        Assert.Equal(
            (0, 1, 0), await Run() is var touched ? (touched.Counts.Embedded, touched.Counts.Unchanged, touched.Counts.Requests) : default);

        await _database.Execute("UPDATE issues SET title = 'after', updated_at = '2001-01-01'");
        Assert.Equal(1, (await Run()).Counts.Embedded);
        Assert.NotEqual(before, await _database.Ask<string>("SELECT content_hash FROM issues"));
        Assert.Equal(64, before?.Length);
    }

    [Fact]
    public async Task B4_an_edit_between_reading_and_writing_is_not_marked_fresh()
    {
        await _workspace.Item(_repository, "before");
        using var hold = _fake.Hold();
        var running = Run();
        await hold.WaitForHeldAsync(1);
        await _database.Execute("UPDATE issues SET title = 'after'");
        hold.Release();

        var run = await running;

        // The run itself comes back for it.
        Assert.Equal((1, 1), (run.Counts.Embedded, run.Counts.Changed));
        Assert.Empty(await _workspace.Stale());
        Assert.Equal(0, await _workspace.Pending());
    }

    [Fact]
    public async Task B5_what_was_processed_is_the_sum_over_all_batches()
    {
        await _workspace.Items(_repository, 47);

        await Run();

        Assert.Equal(("completed", 47, 47), await Job());
    }

    [Fact]
    public async Task B6_an_error_that_passes_is_tried_again_and_one_that_does_not_is_reported()
    {
        await _workspace.Items(_repository, 3);
        _fake.Script(Requests.Next(1), Fault.ServerError());

        Assert.Equal((RunStatus.Completed, 3, 2), await Run() is var run ? (run.Status, run.Counts.Embedded, _fake.RequestCount) : default);

        await _workspace.Items(_repository, 2, words: "more");
        using var none = _fake.Script(Requests.All, Fault.InsufficientQuota());
        await Run();
        Assert.Equal(("failed", 2, 0), await Job());
        Assert.Contains(
            "insufficient_quota", await _database.Ask<string>("SELECT error_message FROM embedding.jobs ORDER BY created_at DESC LIMIT 1"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task B7_a_forced_run_takes_all_of_a_repository_once_the_stale_too()
    {
        await _workspace.Items(_repository, 120);
        await Run();
        await _database.Execute("UPDATE issues SET title = title || ' edited' WHERE number IS NULL AND title LIKE '%7'");
        var paid = _fake.PaidInputCount;

        var forced = await _engine.Run(Request() with { Partition = $"{_repository}", Force = true });

        Assert.Equal((120, 120, 120L), (forced.ItemsTotal, forced.Counts.Embedded, _fake.PaidInputCount - paid));
    }

    [Fact]
    public async Task B8_a_copy_that_is_written_again_lives_again_and_is_no_one_elses_to_read()
    {
        await _workspace.Item(_repository, "before");
        await Run();
        await _database.Execute("UPDATE similarity_cache SET created_at = now() - interval '167 hours'; UPDATE issues SET title = 'after'");

        await Run();

        await _database.Execute("UPDATE similarity_cache SET created_at = created_at - interval '2 hours'");
        Assert.Equal(0, await _database.Ask<int>("SELECT cleanup_expired_cache()"));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM similarity_cache"));
        Assert.Equal(
            0,
            await _database.Ask<long>(
                "SELECT count(*) FROM information_schema.table_privileges WHERE table_name = 'similarity_cache' AND grantee = 'PUBLIC'"));
    }

    [Fact]
    public async Task B9_vectors_of_two_models_of_one_width_never_meet()
    {
        await _workspace.Item(_repository, "mine");
        await Run();
        await using var other = new TestEngine(_database, _fake, settings => settings with { Model = "text-embedding-3-large" });
        await _workspace.Item(_repository, "new");

        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => other.Run());
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => other.Get<SimilarItems>().ToTitle("workspace", "mine", 7, default));

        Assert.All(_fake.Requests, request => Assert.Equal("text-embedding-3-small", request.Model));
        Assert.Single(await _engine.Get<SimilarItems>().ToTitle("workspace", "mine", 7, default));
    }

    [Theory]
    [InlineData(383)]
    [InlineData(385)]
    [InlineData(388)]
    [InlineData(1536)]
    public async Task B10_a_column_of_another_width_is_reported_with_both(int width)
    {
        await using var database = await OldDatabase(width);
        await using var engine = new TestEngine(database, _fake);

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Migrate(engine));

        Assert.Contains($"vector({width})", error.Message, StringComparison.Ordinal);
        Assert.Contains("vector(384)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task B10_a_column_of_the_declared_width_is_taken_over_when_a_person_says_so()
    {
        await using var database = await OldDatabase(384);
        await using var engine = new TestEngine(database, _fake);

        Assert.Contains(
            "--take-over", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Migrate(engine))).Message, StringComparison.Ordinal);
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("workspace"), new MigrationOptions(TakeOver: true), null, default);
    }

    [Fact]
    public async Task B11_the_nearest_of_each_table_are_found_by_its_own_index()
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        // Tables this small are read whole if they may be.
        await connection.ExecuteAsync($"SET LOCAL enable_seqscan = off", default);
        await connection.ExecuteAsync($"SET LOCAL enable_sort = off", default);

        var item = new SimilarItems.FoundItem("issue", "x", new Pgvector.Vector(new float[384]));
        var query = SimilarItems.NearestQuery(await _engine.Get<ResolvedCorpora>().Get("workspace", default), item, limit: 7);
        var plan = await connection.QueryAsync($"EXPLAIN {query}", row => row.GetString(0), default);
        foreach (var table in new[] { "issues", "pull_requests", "discussions" })
        {
            Assert.Contains(plan, line => line.Contains($"Index Scan using embedding_hnsw_{table} ", StringComparison.Ordinal));
        }
    }

    private async Task<TestDatabase> OldDatabase(int width)
    {
        var database = await TestDatabase.Empty();
        await using var engine = new TestEngine(database, _fake);
        await Migrate(engine);
        await engine.Get<CorpusRemoval>().Remove("workspace", null, default);
        await database.Execute($"ALTER TABLE issues ADD COLUMN embedding vector({width})");
        return database;
    }

    private static Task Migrate(TestEngine engine) =>
        engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("workspace"), withSampleTables: true, null, default);

    private Task<RunOutcome> Run(params string[] kinds) => _engine.Run(Request() with { Kinds = kinds });

    private RunRequest Request() => new("workspace", [], Concurrency: _engine.Settings.BatchesInFlight);

    private async Task<(string Status, int Total, int Processed)> Job()
    {
        var row = (
            await _database.Rows("SELECT status, items_total, items_processed FROM embedding.jobs ORDER BY created_at DESC LIMIT 1"))[0];
        return ((string)row[0]!, (int)row[1]!, (int)row[2]!);
    }
}
