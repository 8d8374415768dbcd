using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>A run over several batches.</summary>
public sealed class LaneTests : LaneTest
{
    private protected override int InputsPerBatch => 12;

    [Fact]
    public async Task Two_kinds_in_several_batches_are_embedded_at_half_the_price_whatever_the_order_of_the_answers()
    {
        Fake.Batches.Script = _ => new() { Shuffle = true };
        var (one, two) = (await Workspace.Repository(), await Workspace.Repository("acme/two"));
        await Workspace.Items(one, 20, words: "one");
        await Workspace.Items(two, 10, words: "two");
        await Workspace.Items(two, 10, table: "pull_requests", words: "request");

        var run = await Run();

        Assert.Equal(("completed", 40, 40, 0, null), (run.Status, run.ItemsTotal, run.ItemsProcessed, run.ItemsFailed, run.Error));
        Assert.Equal((4, 40), (Fake.Batches.All.Count, Fake.Batches.All.Sum(batch => batch.InputCount)));
        Assert.All(Fake.Batches.All, batch => Assert.True(batch.LineCount >= batch.InputCount / InputsPerLine));
        Assert.Equal((30, 10), (await Workspace.Embedded(), await Workspace.Embedded("pull_requests")));
        Assert.Equal((0, 40, 0), (Fake.RequestCount, Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        Assert.Empty(await Workspace.Stale("pull_requests", "[PULL_REQUEST]"));
        await AssertWhole();
        var detail = (await Engine.Get<RunHistory>().Find(run.Id, default))!;
        Assert.Equal(Fake.Batches.All.Sum(batch => batch.Tokens), detail.Counts.Tokens);
        Assert.Equal(detail.Counts.Tokens * 0.01m / 1_000_000, detail.Dollars);
    }

    [Fact]
    public async Task A_text_is_sent_once_and_one_that_is_in_the_cache_not_at_all()
    {
        var repository = await Workspace.Repository();
        for (var copy = 0; copy < 3; copy++)
        {
            await Workspace.Item(repository, "the same", "words");
        }

        await Workspace.Item(repository, "known", "words");
        await Engine.Run(new RunRequest("workspace", [], Limit: 1));
        await Database.Execute("UPDATE issues SET embedding = NULL, embedding_state = NULL, content_hash = NULL, embedding_rule = NULL");

        await Run();

        Assert.Equal(4, await Workspace.Embedded());
        Assert.Equal((2, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        await AssertWhole();
    }

    [Fact]
    public async Task A_limit_is_kept_over_all_batches()
    {
        await Workspace.Items(await Workspace.Repository(), 40);

        var run = await Run(new RunRequest("workspace", [], Limit: 15));

        Assert.Equal(15, await Workspace.Embedded());
        Assert.Equal(("completed", 15), (run.Status, run.ItemsProcessed));
    }

    [Fact]
    public async Task Nothing_to_do_ends_at_once_and_sends_nothing()
    {
        var run = await Run();

        Assert.Equal(("completed", 0), (run.Status, run.ItemsTotal));
        Assert.Empty(Fake.Batches.All);
        Assert.Equal(0, Fake.Batches.FileCount);
    }

    [Fact]
    public async Task Blank_items_are_settled_without_a_line()
    {
        await Workspace.Item(await Workspace.Repository(), " ");

        var run = await Run();

        Assert.Equal(("completed", 1), (run.Status, run.ItemsProcessed));
        Assert.Empty(Fake.Batches.All);
    }

    [Fact]
    public async Task A_forced_run_embeds_what_is_embedded()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await Run();

        var run = await Run(new RunRequest("workspace", [], Force: true));

        Assert.Equal(("completed", 5), (run.Status, run.ItemsProcessed));
        Assert.Equal((10, 5), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
    }
}
