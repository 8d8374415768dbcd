using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>The orchestration alone. One thread, so that what is in flight can be counted.</summary>
public sealed class FanOutTests
{
    private static readonly RunRequest _request = new("workspace", [], Concurrency: 6);

    [Fact]
    public void At_most_two_batches_of_a_partition_are_in_flight_and_no_more_than_asked_for_in_all() => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["a"] = 900, ["b"] = 300, ["c"] = 300, ["d"] = 300 });
        await context.RunToEnd(_request);
        Assert.Equal((1_800, 6, 2), (context.Embedded, context.MaxInFlight, context.MaxInFlightOfAPartition));
    });

    [Fact]
    public void The_next_page_is_planned_while_batches_are_in_flight() => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["a"] = 1_000, ["b"] = 1_000, ["c"] = 1_000 });
        await context.RunToEnd(_request with { PagesPerExecution = 50 });
        // All but the first, when nothing has begun, and the last, which finds nothing.
        Assert.All(context.InFlightAtPlan.Skip(1).SkipLast(1), inFlight => Assert.True(inFlight > 0));
    });

    [Fact]
    public void A_small_partition_does_not_wait_for_a_large_one() => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["large"] = 20_000, ["small"] = 10 });
        await context.RunToEnd(_request);
        Assert.InRange(context.Order.IndexOf("small"), 0, 3);
    });

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(199)]
    [InlineData(200)]
    [InlineData(201)]
    [InlineData(777)]
    public void A_limit_is_kept_to_the_item(int limit) => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["a"] = 500, ["b"] = 500 });
        await context.RunToEnd(_request with { Limit = limit });
        Assert.Equal(limit, context.Embedded);
    });

    [Fact]
    public void A_configuration_fault_ends_the_run_after_what_is_in_flight() => OneThread.Run(async () =>
    {
        var calls = 0;
        var context = new ScriptedContext(new World { ["a"] = 1_000, ["b"] = 1_000 })
        {
            OnBatch = _ => Task.FromResult(new EmbeddedBatch(new BatchCounts(), Stop: $"bad key {++calls}")),
        };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((RunStatus.Failed, "bad key 1"), (outcome!.Status, outcome.Error));
        Assert.InRange(calls, 1, _request.Concurrency);
    });

    [Fact]
    public void The_providers_wait_is_a_timer_and_the_items_come_back_afterwards() => OneThread.Run(async () =>
    {
        var until = DateTimeOffset.UnixEpoch.AddSeconds(90);
        ScriptedContext context = null!;
        context = new ScriptedContext(new World { ["a"] = 100 })
        {
            OnBatch = batch => Task.FromResult(context.Now < until
                ? new EmbeddedBatch(new BatchCounts { Claimed = batch.Count }, until, "busy")
                : new EmbeddedBatch(context.Take(batch))),
        };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((RunStatus.Completed, 100), (outcome!.Status, context.Embedded));
        Assert.Equal([until], context.Waits.Distinct());
    });

    [Fact]
    public void A_provider_that_stays_away_ends_the_run_as_failed() => OneThread.Run(async () =>
    {
        ScriptedContext context = null!;
        context = new ScriptedContext(new World { ["a"] = 100 })
        {
            OnBatch = _ => Task.FromResult(new EmbeddedBatch(new BatchCounts(), context.Now.AddSeconds(30), "down")),
        };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((RunStatus.Failed, 0), (outcome!.Status, context.Embedded));
        Assert.Contains("down", outcome.Error, StringComparison.Ordinal);
        Assert.InRange(context.Waits.Count, 10, 30);
    });

    [Fact]
    public void A_failed_activity_ends_the_run_with_its_reason_and_closes_it() => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["a"] = 100, ["b"] = 100 })
        {
            OnBatch = batch =>
                batch.Partition == "b"
                    ? throw new ActivityFailedException("no database")
                    : Task.FromResult(new EmbeddedBatch(new BatchCounts())),
        };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((RunStatus.Failed, "no database"), (outcome!.Status, context.Closed!.StopReason));
    });

    [Fact]
    public void A_partition_that_others_have_in_hand_is_left_to_them_and_looked_at_again() => OneThread.Run(async () =>
    {
        var refusals = 3;
        ScriptedContext context = null!;
        context = new ScriptedContext(new World { ["a"] = 100, ["b"] = 100 })
        {
            OnBatch = batch => Task.FromResult(batch.Partition == "b" && refusals-- > 0
                ? new EmbeddedBatch(new BatchCounts(), NoLane: true)
                : new EmbeddedBatch(context.Take(batch))),
        };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((200, RunStatus.Completed), (context.Embedded, outcome!.Status));
        Assert.NotEmpty(context.Waits);
    });

    [Fact]
    public void Rows_that_a_session_keeps_locked_are_looked_for_now_and_then_and_not_all_the_time() => OneThread.Run(async () =>
    {
        ScriptedContext context = null!;
        context = new ScriptedContext(new World { ["a"] = 100, ["b"] = 15 })
        {
            OnBatch = batch => Task.FromResult(new EmbeddedBatch(
                batch.Partition == "b" && context.Now < DateTimeOffset.UnixEpoch.AddMinutes(1) && context.Order.Count < 1_000
                    ? new BatchCounts()
                    : context.Take(batch))),
        };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((115, RunStatus.Completed), (context.Embedded, outcome!.Status));
        Assert.Equal(12, context.Waits.Count(wait => wait > DateTimeOffset.UnixEpoch));
        Assert.InRange(context.Order.Count(partition => partition == "b"), 13, 6 * 13);
    });

    [Fact]
    public void A_partition_that_another_run_was_faster_to_embed_is_not_waited_for() => OneThread.Run(async () =>
    {
        var world = new World { ["a"] = 100, ["b"] = 40 };
        ScriptedContext context = null!;
        context = new ScriptedContext(world)
        {
            OnBatch = batch =>
            {
                if (batch.Partition != "b")
                {
                    return Task.FromResult(new EmbeddedBatch(context.Take(batch)));
                }

                world["b"] = 0;
                return Task.FromResult(new EmbeddedBatch(new BatchCounts()));
            },
        };
        await context.RunToEnd(_request);
        Assert.DoesNotContain(context.Waits, wait => wait > DateTimeOffset.UnixEpoch);
    });

    [Fact]
    public void A_stop_from_outside_closes_the_run_as_cancelled() => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["a"] = 100 }) { OnBatch = _ => throw new OperationCanceledException() };
        var outcome = await context.RunToEnd(_request);
        Assert.Equal((RunStatus.Cancelled, true), (outcome!.Status, context.Closed!.Cancelled));
    });

    [Fact]
    public void After_a_number_of_pages_a_new_execution_goes_on_with_the_counts() => OneThread.Run(async () =>
    {
        var context = new ScriptedContext(new World { ["a"] = 2_000, ["b"] = 2_000 });
        var outcome = await context.RunToEnd(_request with { PagesPerExecution = 4 });
        Assert.Equal((4_000, 4_000), (context.Embedded, outcome!.Counts.Embedded));
    });
}
