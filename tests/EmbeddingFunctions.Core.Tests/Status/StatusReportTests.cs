using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Status;

public sealed class StatusReportTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private FakeOpenAi _fake = null!;
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
    public async Task Every_item_of_an_active_partition_counts_once()
    {
        await _workspace.Items(_repository, 3);
        await _workspace.Item(_repository, " ");
        await _workspace.Items(_repository, 1, "discussions");
        await _engine.Run();
        await _workspace.Items(_repository, 2, words: "newer");
        await _workspace.Items(await _workspace.Repository("acme/asleep", isActive: false), 7);
        await _workspace.Items(await _database.Ask<Guid>("INSERT INTO repositories (full_name) VALUES ('acme/nowhere') RETURNING id"), 9);

        var status = await Status();

        Assert.Equal(("workspace", "text-embedding-3-small", 384), (status.Corpus, status.Model, status.Dimensions));
        Assert.Equal(
            [
                new KindCoverage("issue", "issues", 6, 3, 1, 2, 0), new KindCoverage("pull_request", "pull_requests", 0, 0, 0, 0, 0),
                new KindCoverage("discussion", "discussions", 1, 1, 0, 0, 0)],
            status.Kinds);
        Assert.Equal([60, 100, 100], status.Kinds.Select(kind => kind.Coverage));
        Assert.Empty(status.Failures);
    }

    [Fact]
    public async Task An_item_that_waits_after_a_failure_is_failed_and_not_pending_until_its_time()
    {
        await _workspace.Items(_repository, 3);
        await _workspace.Item(_repository, "poison");
        using (Poison())
        {
            await _engine.Run();
        }

        Assert.Equal(new KindCoverage("issue", "issues", 4, 3, 0, 0, 1), (await Status()).Kinds[0]);
        var failure = Assert.Single((await Status()).Failures);
        Assert.Equal(("issue", 1L, 0L), (failure.Kind, failure.Items, failure.Dead));
        Assert.InRange(failure.NextTry!.Value, DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddMinutes(2));

        await _database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second'");
        Assert.Equal(new KindCoverage("issue", "issues", 4, 3, 0, 1, 0) { Retrying = 1 }, (await Status()).Kinds[0]);
        await _database.Execute("UPDATE issues SET title = 'mended' WHERE title LIKE '%poison%'");
        Assert.Equal(new KindCoverage("issue", "issues", 4, 3, 0, 1, 0), (await Status()).Kinds[0]);
    }

    [Fact]
    public async Task An_item_that_failed_for_good_is_failed_until_its_text_changes()
    {
        await _workspace.Item(_repository, "poison");
        using (Poison())
        {
            for (var attempt = 0; attempt < 3; attempt++)
            {
                await _engine.Run();
                await _database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second' WHERE NOT is_dead");
            }
        }

        Assert.Equal(new KindCoverage("issue", "issues", 1, 0, 0, 0, 1), (await Status()).Kinds[0]);
        var failure = Assert.Single((await Status()).Failures);
        Assert.Equal((1L, 1L, null), (failure.Items, failure.Dead, failure.NextTry));

        await _database.Execute("UPDATE issues SET title = 'mended'");
        Assert.Equal(new KindCoverage("issue", "issues", 1, 0, 0, 1, 0), (await Status()).Kinds[0]);
        await _engine.Run();
        Assert.Equal(new KindCoverage("issue", "issues", 1, 1, 0, 0, 0), (await Status()).Kinds[0]);
        Assert.Empty((await Status()).Failures);
    }

    [Fact]
    public async Task A_failed_item_that_was_deleted_is_not_counted()
    {
        await _workspace.Item(_repository, "poison");
        using (Poison())
        {
            await _engine.Run();
        }

        await _database.Execute("DELETE FROM issues");

        Assert.Equal(new KindCoverage("issue", "issues", 0, 0, 0, 0, 0), (await Status()).Kinds[0]);
    }

    [Fact]
    public async Task A_row_without_a_time_of_change_counts()
    {
        await _database.Execute("ALTER TABLE issues ALTER COLUMN updated_at DROP NOT NULL");
        await _workspace.Item(_repository, "timeless");
        await _database.Execute("UPDATE issues SET updated_at = NULL");
        await _engine.Run();

        Assert.Equal(new KindCoverage("issue", "issues", 1, 1, 0, 0, 0), (await Status()).Kinds[0]);
    }

    [Fact]
    public async Task The_last_five_runs_are_reported_newest_first()
    {
        await _workspace.Items(_repository, 2);
        for (var run = 0; run < 5; run++)
        {
            await _engine.Run();
        }

        await _workspace.Items(_repository, 1, words: "more");
        using (_fake.Script(Requests.All, Fault.BadKey()))
        {
            await _engine.Run();
        }

        var runs = (await Status()).Runs;

        Assert.Equal(5, runs.Count);
        Assert.Equal(("failed", 1, 0), (runs[0].Status, runs[0].ItemsTotal, runs[0].ItemsProcessed));
        Assert.NotNull(runs[0].Error);
        Assert.All(runs.Skip(1), run => Assert.Equal(("completed", 0, null), (run.Status, run.ItemsTotal, run.Error)));
        Assert.All(runs, run => Assert.True(run.CompletedAt >= run.CreatedAt));
    }

    [Theory]
    [InlineData(0, 0, 0, 100)]
    [InlineData(5, 0, 5, 100)]
    [InlineData(1_383, 537, 0, 38.83)]
    [InlineData(126_863, 92, 0, 0.07)]
    [InlineData(202, 173, 0, 85.64)]
    [InlineData(1_000_000, 999_999, 0, 99.99)]
    [InlineData(1_000_000, 999_990, 10, 100)]
    public void Coverage_is_of_what_has_a_text_and_a_hundred_only_when_none_is_missing(
        long total, long embedded, long empty, double coverage) =>
        Assert.Equal(coverage, new KindCoverage("issue", "issues", total, embedded, empty, 0, 0).Coverage);

    [Fact]
    public async Task An_unknown_corpus_is_a_clear_error() =>
        Assert.Contains(
            "There is no corpus 'docs'",
            (await Assert.ThrowsAsync<NotFoundException>(() => _engine.Get<StatusReport>().Of("docs", default))).Message,
            StringComparison.Ordinal);

    private IDisposable Poison() =>
        _fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());

    private Task<CorpusStatus> Status() => _engine.Get<StatusReport>().Of("workspace", default);
}
