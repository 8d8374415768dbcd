using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Failed items in groups and by the page.</summary>
public sealed class FailureReportTests : IAsyncLifetime
{
    private static readonly string[] _workspace = ["workspace"];

    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private TestWorkspace _workspaceRows = null!;
    private Guid _repository;

    private FailureReport Report => _engine.Get<FailureReport>();

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _engine = new TestEngine(_database, _fake);
        _workspaceRows = new TestWorkspace(_database);
        _repository = await _workspaceRows.Repository();
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task The_largest_group_of_a_kind_and_reason_comes_first_with_its_dead_and_its_times()
    {
        await Failed("too long", 3, isDead: true);
        await Failed("refused", 2, isDead: false);
        await Failed("too long", 1, isDead: false, kind: "discussion");
        await Failed("elsewhere", 5, isDead: true, corpus: "clips");

        var groups = await Report.Groups(_workspace, default);

        Assert.Equal(6, groups.Total);
        Assert.Equal(
            [("issue", "too long", 3L, 3L), ("issue", "refused", 2L, 0L), ("discussion", "too long", 1L, 0L)],
            groups.Groups.Select(group => (group.Kind, group.Reason, group.Count, group.Dead)));
        Assert.Equal(TimeSpan.FromSeconds(2), groups.Groups[0].Newest - groups.Groups[0].Oldest);
        Assert.Equal([true, false, false], groups.Groups.Select(group => group.NextRetry is null));
    }

    [Fact]
    public async Task Two_hundred_groups_are_shown_and_all_are_counted()
    {
        await _database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, reason, failed_at)
            SELECT 'workspace', 'issue', n::text, 'p', 1, 'reason ' || n, now() FROM generate_series(1, 250) n
            """);

        var groups = await Report.Groups(_workspace, default);

        Assert.Equal((200, 250L), (groups.Groups.Count, groups.Total));
    }

    [Fact]
    public async Task Pages_have_every_item_once_the_last_to_fail_first()
    {
        await Failed("too long", 5, isDead: true);
        await Failed("too long", 2, isDead: true, kind: "discussion");
        await Failed("refused", 3, isDead: false);
        await _database.Execute("UPDATE embedding.claims SET failed_at = now() WHERE kind = 'discussion'");
        var (seen, cursor) = (new List<ShownFailure>(), (string?)null);
        do
        {
            FailureCursor? after = null;
            Assert.True(cursor is null || FailureCursor.TryParse(cursor, out after));
            var page = await Report.Page(_workspace, null, null, 3, after, withTexts: false, default);
            seen.AddRange(page.Items);
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal(10, seen.DistinctBy(item => (item.Kind, item.Id)).Count());
        Assert.Equal(seen.Select(item => item.FailedAt).OrderDescending(), seen.Select(item => item.FailedAt));
        Assert.All(seen, item => Assert.Null(item.Text));
        var page2 = await Report.Page(_workspace, "issue", "too long", 50, null, withTexts: false, default);
        Assert.Equal((5, null), (page2.Items.Count, page2.Next));
    }

    [Fact]
    public async Task A_text_is_shown_on_request_its_beginning_only_and_none_of_a_row_that_is_gone()
    {
        var id = await _workspaceRows.Item(_repository, "<img src=x onerror=alert(1)>", new string('b', 5_000));
        await Failed("too long", 1, isDead: true);
        await Failed("too long", 1, isDead: true, id: id);

        var texts = (await Report.Page(_workspace, null, null, 50, null, withTexts: true, default)).Items;

        Assert.Null(texts.Single(item => item.Id != id).Text);
        var text = texts.Single(item => item.Id == id).Text!;
        Assert.Contains("<img src=x onerror=alert(1)> bbb", text, StringComparison.Ordinal);
        Assert.Equal(FailureReport.MaxText, text.Length);
    }

    [Fact]
    public async Task An_ignored_item_is_shown_with_its_reason_until_it_is_tried_again()
    {
        var id = await Poisoned();
        var items = _engine.Get<FailedItems>();

        Assert.Equal(1, (await items.Ignore("workspace", new([]) { WholeReason = await Reason() }, default)).Ignored);

        var group = Assert.Single((await Report.Groups(_workspace, default)).Groups);
        Assert.Equal((0L, 0L, 1L), (group.Count, group.Dead, group.Ignored));
        Assert.True(Assert.Single((await Report.Page(_workspace, null, null, 50, null, withTexts: false, default)).Items).IsIgnored);
        Assert.Empty(await items.List("workspace", 50, default));

        Assert.Equal(0, (await items.Retry("workspace", new([]), default)).Retried);
        Assert.Equal(1, (await items.Retry("workspace", new([("issue", id), ("issue", "42")]) { MayHaveOthers = true }, default)).Retried);
        Assert.Empty((await Report.Groups(_workspace, default)).Groups);
        await _engine.Run();
        Assert.Equal(1, await _workspaceRows.Embedded());
    }

    [Fact]
    public async Task An_ignored_item_that_is_edited_has_three_attempts_and_is_embedded()
    {
        var id = await Poisoned();
        await _engine.Get<FailedItems>().Ignore("workspace", new([]), default);
        await _database.Execute("UPDATE issues SET title = 'still poison' WHERE id = $1", id);

        await Fail(1);

        var item = Assert.Single((await Report.Page(_workspace, null, null, 50, null, withTexts: false, default)).Items);
        Assert.Equal((1, false, false), (item.Attempts, item.IsDead, item.IsIgnored));
    }

    [Fact]
    public async Task A_kind_and_a_whole_reason_choose_what_is_retried()
    {
        await Failed("too long", 2, isDead: false);
        await Failed("too long: 9 tokens", 1, isDead: false);
        await Failed("too long", 1, isDead: false, kind: "pull_request");

        var done = await _engine.Get<FailedItems>().Retry(
            "workspace", new([]) { Kind = "issue", WholeReason = "too long" }, default);

        Assert.Equal((2, 2L), (done.Retried, (await Report.Groups(_workspace, default)).Total));
    }

    [Fact]
    public async Task A_page_of_many_failures_is_read_by_the_index()
    {
        await _database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, reason, failed_at)
            SELECT 'workspace', 'issue', n::text, 'p', 1, 'reason ' || n % 7, now() - n * interval '1 second'
            FROM   generate_series(1, 20000) n
            """);
        await _database.Execute("ANALYZE embedding.claims");

        var plan = string.Join('\n', (await _database.Rows(
            """
            EXPLAIN SELECT * FROM embedding.claims c WHERE c.corpus = ANY ('{workspace}') AND c.reason IS NOT NULL
            AND (c.failed_at, c.corpus, c.kind, c.item_id) < (now(), 'workspace', 'issue', '5')
            ORDER BY c.failed_at DESC, c.corpus DESC, c.kind DESC, c.item_id DESC LIMIT 51
            """)).Select(row => row[0]));

        Assert.Contains("Index Scan Backward using claims_failed", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Sort", plan, StringComparison.Ordinal);
    }

    private async Task<string> Poisoned()
    {
        var id = await _workspaceRows.Item(_repository, "poison");
        await Fail(4);
        return id;
    }

    private Task<string> Reason() => _database.Ask<string>("SELECT reason FROM embedding.claims")!;

    private async Task Fail(int times)
    {
        using var poison = _fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());
        for (var attempt = 0; attempt < times; attempt++)
        {
            await _database.Execute("DELETE FROM embedding.start_slots");
            await _engine.Run();
            await _database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second' WHERE NOT is_dead");
        }

        await _database.Execute("DELETE FROM embedding.start_slots");
    }

    private Task Failed(
        string reason, int count, bool isDead, string kind = "issue", string corpus = "workspace", string? id = null) => _database.Execute(
        """
        INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at, retry_at)
        SELECT $1, $2, COALESCE($3, gen_random_uuid()::text), 'p', 3, $4, $5, date_trunc('second', now()) - n * interval '1 second',
               CASE WHEN NOT $4 THEN now() + interval '1 minute' END
        FROM   generate_series(1, $6) n
        """, corpus, kind, (object?)id ?? DBNull.Value, isDead, reason, count);
}
