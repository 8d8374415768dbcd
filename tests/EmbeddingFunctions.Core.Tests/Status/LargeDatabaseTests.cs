using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>Millions of runs, and counts that take long.</summary>
public sealed class LargeDatabaseTests : IAsyncLifetime
{
    private static readonly RunRequest _all = new("workspace", []);

    private static readonly Dictionary<string, Func<TestEngine, Task>> _counts = new()
    {
        ["status"] = engine => engine.Get<StatusReport>().Of("workspace", default),
        ["dry run"] = engine => engine.Get<DryRun>().Predict(_all, default),
        ["open"] = engine => engine.Get<PagePlanner>().Count(new RunInput(Guid.CreateVersion7(), _all), null, default),
        ["waiting"] = engine => engine.Get<WaitingItems>().Of(_all, default),
        ["retry now"] = engine => engine.Get<WaitingItems>().EndWait(_all, default),
        ["other models"] = async engine => await engine.Get<OtherModels>().Findings(await Corpus(engine), [], default),
        ["undone"] = async engine => await engine.Get<RevertedItems>().Explain(
            await Corpus(engine), new RunInput(Guid.CreateVersion7(), _all), default),
    };

    private TestDatabase _database = null!;
    private FakeOpenAi _fake = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    public static TheoryData<string> Counts => [.. _counts.Keys];

    [Theory]
    [MemberData(nameof(Counts))]
    public async Task L10_A_count_of_the_owners_rows_may_take_longer_than_other_statements(string count)
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 3);
        await using var impatient = Database.Open($"{_database.ConnectionString};Command Timeout=1");
        await using var engine = new TestEngine(impatient, _fake);
        await engine.Get<StatusReport>().Of("workspace", default);
        await using var owner = await _database.Source.OpenConnectionAsync();
        await using var transaction = await owner.BeginTransactionAsync();
        await using (var hold = owner.CreateCommand())
        {
            // Status asks the catalogue of the owner's tables too, which is no count.
            hold.CommandText = $"LOCK TABLE {(count == "status" ? "embedding.claims" : "issues")} IN ACCESS EXCLUSIVE MODE";
            await hold.ExecuteNonQueryAsync();
        }

        var counting = _counts[count](engine);
        await Task.Delay(TimeSpan.FromSeconds(2.5));

        Assert.False(counting.IsCompleted, "It did not count, or gave up.");
        await transaction.RollbackAsync();
        await counting;
    }

    [Fact]
    public async Task L9_Status_reads_the_runs_of_a_week_by_index_and_none_of_the_many_before()
    {
        await _database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, created_at, completed_at)
            SELECT gen_random_uuid(), 'workspace', '{}', 'completed', moment, moment
            FROM   generate_series(1, 50000) n, LATERAL (SELECT now() - interval '8 days' - n * interval '1 minute' AS moment) m;
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed, embedded, cached, saved_tokens, finished_at)
            SELECT gen_random_uuid(), id, 'issue', 'p', 20, 20, 5, 100, completed_at FROM embedding.jobs;
            INSERT INTO embedding.jobs (id, corpus, kinds, status, completed_at) VALUES
                ('00000000-0000-7000-8000-000000000001', 'workspace', '{}', 'completed', now()),
                ('00000000-0000-7000-8000-000000000002', 'workspace', '{}', 'processing', NULL);
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed, embedded, cached, saved_tokens, requests)
            SELECT gen_random_uuid(), id, 'issue', 'p', 9, 9, 4, 1000, 2 FROM embedding.jobs WHERE created_at > now() - interval '1 day';
            ANALYZE embedding.jobs, embedding.batches;
            SELECT pg_stat_force_next_flush();
            """);
        var before = await Read();
        CorpusStatus status;
        await using (var own = Database.Open($"{_database.ConnectionString};Pooling=false"))
        {
            await using var engine = new TestEngine(own, _fake);
            status = await engine.Get<StatusReport>().Of("workspace", default);
        }

        Assert.Equal((8L, 10L), (status.Cache.Hits, status.Cache.Misses));
        var recent = Assert.Single(status.Recent);
        Assert.Equal(("issue", 18L, 2.5), (recent.Kind, recent.LastHour, recent.ItemsPerRequest));
        Assert.InRange(await Read() - before, 1, 1_000);
    }

    // Rows of both tables that statements have read, by whatever way; what a session read is counted when it has ended.
    private async Task<long> Read()
    {
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        return await _database.Ask<long>(
            """
            SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables
            WHERE  schemaname = 'embedding' AND relname IN ('jobs', 'batches')
            """);
    }

    private static Task<ResolvedCorpus> Corpus(TestEngine engine) => engine.Get<ResolvedCorpora>().Get("workspace", default);
}
