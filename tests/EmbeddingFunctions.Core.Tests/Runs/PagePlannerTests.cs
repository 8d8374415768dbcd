using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class PagePlannerTests : RunTest
{
    [Fact]
    public async Task Issues_go_before_pull_requests_and_discussions()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 30, "discussions");
        await Workspace.Items(repository, 30, "pull_requests");
        await Workspace.Items(repository, 50);

        var page = await Plan(items: 100);

        Assert.Equal(["issue", "issue", "issue"], page.Batches.Take(3).Select(batch => batch.Kind));
        Assert.DoesNotContain("issue", page.Batches.Skip(3).Select(batch => batch.Kind));
        Assert.Equal(100, page.Batches.Sum(batch => batch.Count));
    }

    [Fact]
    public async Task A_page_is_dealt_to_the_repositories_in_turn_and_the_next_begins_behind_the_last_served()
    {
        var large = await Workspace.Repository("acme/large");
        await Workspace.Items(large, 5_000);
        for (var i = 0; i < 14; i++)
        {
            await Workspace.Items(await Workspace.Repository($"acme/small-{i}"), 25);
        }

        var first = await Plan();
        var second = await Plan(cursor: first.Cursor, busy: first.Batches.Select(batch => batch.Partition).Distinct());

        Assert.Equal(10, first.Batches.Select(batch => batch.Partition).Distinct().Count());
        Assert.Equal(15, first.Batches.Concat(second.Batches).Select(batch => batch.Partition).Distinct().Count());
    }

    [Fact]
    public async Task B2_One_repositorys_items_are_found_although_thousands_of_others_items_come_first()
    {
        await Workspace.Items(await Workspace.Repository("acme/large"), 3_000);
        var small = await Workspace.Repository("acme/small");
        await Workspace.Items(small, 3, "pull_requests");

        var page = await Plan(request: new RunRequest("workspace", [], small.ToString()));

        Assert.Equal([new PlannedBatch("pull_request", small.ToString(), 3)], page.Batches);
    }

    [Fact]
    public async Task B2_Items_that_wait_after_a_failure_do_not_block_those_behind_them()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 300);
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, retry_at, reason)
            SELECT 'workspace', 'issue', id::text, repository_id::text, 1, now() + interval '1 hour', 'refused'
            FROM   issues ORDER BY updated_at DESC LIMIT 290
            """);

        Assert.Equal(10, (await Plan()).Batches.Sum(batch => batch.Count));
        await Engine.Run();
        Assert.Equal(10, await Workspace.Embedded());
    }

    [Fact]
    public async Task The_newest_change_is_claimed_first()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 40);
        var corpus = await Engine.Get<ResolvedCorpora>().Get("workspace", default);

        var claim = await Engine.Get<ClaimStore>().Take(corpus, Order(repository, 5), default);

        Assert.Equal(["item 40", "item 39", "item 38", "item 37", "item 36"], claim.Items.Select(item => item.Values[0]));
    }

    [Fact]
    public async Task Nothing_outside_an_active_workspace_is_planned_claimed_or_embedded()
    {
        var outside = await Database.Ask<Guid>("INSERT INTO repositories (full_name) VALUES ('acme/outside') RETURNING id");
        var inactive = await Workspace.Repository("acme/inactive", isActive: false);
        await Workspace.Items(outside, 10);
        await Workspace.Items(inactive, 10);
        var corpus = await Engine.Get<ResolvedCorpora>().Get("workspace", default);

        Assert.Empty((await Plan()).Batches);
        Assert.Empty((await Engine.Get<ClaimStore>().Take(corpus, Order(inactive, 5), default)).Items);
        await Engine.Run(new RunRequest("workspace", [], Force: true));
        Assert.Equal((0L, 0, 0L), (await Workspace.Embedded(), Fake.RequestCount, await Workspace.Pending()));
    }

    [Fact]
    public async Task With_nothing_left_to_plan_it_says_until_when_others_hold_items()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 5);
        Assert.Null((await Plan(items: 0)).HeldUntil);

        var corpus = await Engine.Get<ResolvedCorpora>().Get("workspace", default);
        var claim = await Engine.Get<ClaimStore>().Take(corpus, Order(repository, 5), default);
        var held = await Plan();
        Assert.Empty(held.Batches);
        Assert.NotNull(held.HeldUntil);

        await Engine.Get<ClaimStore>().ReleaseUncharged(claim, default);
        Assert.Equal(5, (await Plan()).Batches.Sum(batch => batch.Count));
    }

    [Fact]
    public async Task What_others_take_while_a_page_is_planned_is_held()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await Plan();
        await using var connection = await Database.Source.OpenConnectionAsync();
        await using var other = await connection.BeginTransactionAsync();
        await Execute("LOCK TABLE issues IN ACCESS EXCLUSIVE MODE");
        var planned = Plan();
        while (!await Database.Ask<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'issues'::regclass AND NOT granted)"))
        {
            Assert.False(planned.IsCompleted);
            await Task.Delay(10);
        }

        await Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until)
            SELECT 'workspace', 'issue', id::text, repository_id::text, gen_random_uuid(), now() + interval '30 seconds' FROM issues
            """);
        await other.CommitAsync();

        Assert.Empty((await planned).Batches);
        Assert.NotNull((await planned).HeldUntil);

        async Task Execute(string sql)
        {
            await using var command = new Npgsql.NpgsqlCommand(sql, connection, other);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(20, 1)]
    [InlineData(21, 2)]
    [InlineData(40, 2)]
    public void Items_are_cut_into_batches_of_twenty(int items, int batches) =>
        Assert.Equal(batches, PagePlanner.Deal([new PendingItems("issue", "p", items)], "", _ => 20, 1_000).Count);

    // Two lanes: a hundred items are two orders of three batches, not one of five.
    [Theory]
    [InlineData(20, new[] { 20 })]
    [InlineData(45, new[] { 40, 5 })]
    [InlineData(100, new[] { 60, 40 })]
    [InlineData(2_000, new[] { 100, 100, 100, 100, 100, 100, 100, 100, 100, 100 })]
    public async Task Of_several_batches_an_activity_enough_are_planned_that_no_lane_stays_empty(int items, int[] orders)
    {
        await Workspace.Items(await Workspace.Repository(), items);

        var page = await Plan(request: new RunRequest("workspace", []) { BatchesPerActivity = 5 });

        Assert.Equal(orders, page.Batches.Select(batch => batch.Count));
        Assert.All(page.Batches, batch => Assert.Equal(batch.Count > 20 ? 20 : null, batch.Size));
    }

    private static EmbedBatch Order(Guid repository, int count) =>
        new(Guid.NewGuid(), Guid.NewGuid(), "workspace", "issue", repository.ToString(), count, null);

    private Task<PlannedPage> Plan(
        string cursor = "", IEnumerable<string>? busy = null, int items = int.MaxValue, RunRequest? request = null) =>
        Engine.Get<PagePlanner>().Plan(
            new PlanPage(new RunInput(Guid.NewGuid(), request ?? new RunRequest("workspace", [])), cursor, busy?.ToList() ?? [], items),
            default);
}
