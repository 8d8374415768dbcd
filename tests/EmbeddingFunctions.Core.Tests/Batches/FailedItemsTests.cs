using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>What people do with items that failed.</summary>
public sealed class FailedItemsTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private TestWorkspace _workspace = null!;
    private Guid _repository;

    private FailedItems Items => _engine.Get<FailedItems>();

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
    public async Task They_are_listed_with_their_reasons_the_last_first()
    {
        var first = await Poisoned("poison one");
        await _database.Execute("UPDATE embedding.claims SET failed_at = now() - interval '1 hour'");
        var second = await Poisoned("poison two");

        var items = await Items.List("workspace", 50, default);

        Assert.Equal([second, first], items.Select(item => item.Id));
        Assert.All(
            items,
            item =>
                Assert.Equal(
                    ("issue", _repository.ToString(), 3, true, null),
                    (item.Kind, item.Partition, item.Attempts, item.IsDead, item.NextTry)));
        Assert.NotEmpty(items[0].Reason);
        Assert.Equal(second, Assert.Single(await Items.List("workspace", 1, default)).Id);
    }

    [Fact]
    public async Task A_retried_item_is_pending_and_has_three_attempts_and_no_more()
    {
        var id = await Poisoned("poison");

        Assert.Equal(new RetriedItems(1), await Items.Retry("workspace", new([("issue", id)]), default));
        Assert.Equal((1L, 0L), await PendingAndFailed());
        await Fail();
        Assert.Equal(
            (3, true),
            (Assert.Single(await Items.List("workspace", 50, default)).Attempts, (await Items.List("workspace", 50, default))[0].IsDead));
        Assert.Equal((0L, 1L), await PendingAndFailed());

        await Items.Retry("workspace", new([]), default);
        await Run();
        Assert.Equal(1, await _workspace.Embedded());
        Assert.Empty(await Items.List("workspace", 50, default));
    }

    [Fact]
    public async Task Words_of_the_reason_choose_among_them()
    {
        var one = await Poisoned("poison one");
        await Poisoned("poison two");
        await _database.Execute("UPDATE embedding.claims SET reason = 'Content Policy 100%' WHERE item_id = $1", one);

        Assert.Equal(new RetriedItems(0), await Items.Retry("workspace", new([], "polic_"), default));
        Assert.Equal(new RetriedItems(1), await Items.Retry("workspace", new([], "content policy 100%"), default));
        Assert.Equal((1L, 1L), await PendingAndFailed());
    }

    [Fact]
    public async Task What_has_not_failed_is_a_clear_error_and_nothing_is_done()
    {
        var id = await Poisoned("poison");

        var error = await Assert.ThrowsAsync<NotFoundException>(
            () => Items.Retry("workspace", new([("issue", id), ("issue", "nobody")]), default));
        await Assert.ThrowsAsync<NotFoundException>(() => Items.Ignore("workspace", new([("discussion", id)]), default));

        Assert.Contains("there is no issue:nobody", error.Message, StringComparison.Ordinal);
        Assert.Equal((0L, 1L), await PendingAndFailed());
    }

    [Fact]
    public async Task An_item_that_a_run_holds_is_left_to_it()
    {
        await Poisoned("poison");
        await _database.Execute("UPDATE embedding.claims SET token = gen_random_uuid(), leased_until = now() + interval '1 minute'");

        Assert.Equal(new RetriedItems(0), await Items.Retry("workspace", new([]), default));
        Assert.Equal(new IgnoredItems(0, 0), await Items.Ignore("workspace", new([]), default));
    }

    [Fact]
    public async Task An_ignored_item_is_neither_pending_nor_failed_until_its_text_changes()
    {
        var id = await Poisoned("poison");
        var asked = _fake.RequestCount;

        Assert.Equal(new IgnoredItems(1, 0), await Items.Ignore("workspace", new([("issue", id)]), default));
        Assert.Equal((0L, 0L, 1L), await PendingFailedIgnored());
        Assert.Empty(await Items.List("workspace", 50, default));

        // A mere touch makes the row pending, and the next run finds that the text is the same, be it forced or not.
        await _database.Execute("UPDATE issues SET updated_at = now() + interval '1 second'");
        await Run();
        await Run(new RunRequest("workspace", [], Force: true));
        Assert.Equal((0L, 0L, 1L), await PendingFailedIgnored());
        Assert.Equal(asked, _fake.RequestCount);

        await _database.Execute("UPDATE issues SET title = 'mended'");
        Assert.Equal((1L, 0L, 0L), await PendingFailedIgnored());
        await Run();
        Assert.Equal(1, await _workspace.Embedded());
    }

    [Fact]
    public async Task An_ignored_item_is_tried_again_if_it_is_named_and_not_with_all()
    {
        var id = await Poisoned("poison");
        await Items.Ignore("workspace", new([("issue", id)]), default);

        Assert.Equal(new RetriedItems(0), await Items.Retry("workspace", new([]), default));
        await Assert.ThrowsAsync<NotFoundException>(() => Items.Retry("workspace", new([("issue", id), ("issue", "42")]), default));
        Assert.Equal((0L, 0L, 1L), await PendingFailedIgnored());
        Assert.Equal(new RetriedItems(1), await Items.Retry("workspace", new([("issue", id)]), default));

        Assert.Equal((1L, 0L, 0L), await PendingFailedIgnored());
    }

    [Fact]
    public async Task An_item_that_waits_for_its_next_attempt_can_be_ignored_and_loses_its_old_vector()
    {
        var id = await _workspace.Item(_repository, "fine");
        await Run();
        await _database.Execute("UPDATE issues SET title = 'poison'");
        using (Poison())
        {
            await Run();
        }

        Assert.Equal(new IgnoredItems(1, 0), await Items.Ignore("workspace", new([("issue", id)]), default));

        Assert.Equal((0L, 0L, 1L), await PendingFailedIgnored());
        Assert.Equal((0L, 0L), (await _workspace.Embedded(), await _database.Ask<long>("SELECT count(*) FROM similarity_cache")));
    }

    [Fact]
    public async Task An_item_that_was_edited_since_it_failed_is_not_ignored()
    {
        var id = await Poisoned("poison");
        await _database.Execute("UPDATE issues SET title = 'mended'");

        Assert.Equal(new IgnoredItems(0, 1), await Items.Ignore("workspace", new([("issue", id)]), default));
        Assert.Equal((1L, 0L, 0L), await PendingFailedIgnored());
    }

    private async Task<string> Poisoned(string title)
    {
        var id = await _workspace.Item(_repository, title);
        await Fail();
        return id;
    }

    private async Task Fail()
    {
        using (Poison())
        {
            for (var attempt = 0; attempt < 4; attempt++)
            {
                await Run();
                await _database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second' WHERE NOT is_dead");
            }
        }
    }

    private IDisposable Poison() =>
        _fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());

    private async Task<(long Pending, long Failed)> PendingAndFailed() =>
        await PendingFailedIgnored() is var (pending, failed, _) ? (pending, failed) : default;

    private async Task<(long Pending, long Failed, long Ignored)> PendingFailedIgnored()
    {
        var issues = (await _engine.Get<StatusReport>().Of("workspace", default)).Kinds[0];
        return (issues.Pending, issues.Failed, issues.Ignored);
    }

    // Starts that are no test's concern wait their turn else.
    private async Task<RunOutcome> Run(RunRequest? request = null)
    {
        await _database.Execute("DELETE FROM embedding.start_slots");
        return await _engine.Run(request);
    }
}
