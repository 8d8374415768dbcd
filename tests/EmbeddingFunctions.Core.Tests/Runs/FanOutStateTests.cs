using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>The state machine alone: events in, commands out, no tasks.</summary>
public sealed class FanOutStateTests
{
    private static readonly DateTimeOffset _now = DateTimeOffset.UnixEpoch;

    private FanOutState _state = new(new RunInput(Guid.Empty, new RunRequest("workspace", [], Concurrency: 3))
    {
        Opened = new OpenedRun(100, LanesPerPartition: 2, null),
    });

    [Fact]
    public void It_plans_first_and_then_fills_the_lanes_and_plans_ahead_when_they_run_low()
    {
        Assert.IsType<FanOutCommand.PlanPage>(Assert.Single(On(new FanOutEvent.Begun())));

        var commands = On(Planned(("a", 20), ("a", 20), ("a", 20), ("b", 20)));

        // Two of a, and one of b: the third of a waits for a lane. What is queued keeps no place in flight filled, so the next page is
        // planned.
        Assert.Equal(["a", "a", "b"], commands.OfType<FanOutCommand.StartBatch>().Select(start => start.Batch.Partition));
        Assert.Equal(["a"], Assert.Single(commands.OfType<FanOutCommand.PlanPage>()).Busy);
    }

    [Fact]
    public void A_batch_that_ends_frees_its_lane()
    {
        On(new FanOutEvent.Begun());
        On(Planned(("a", 20), ("a", 20), ("a", 20)));

        var commands = On(new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20)));

        Assert.Equal("a", Assert.Single(commands.OfType<FanOutCommand.StartBatch>()).Batch.Partition);
        Assert.Equal(20, _state.Input.Counts.Embedded);
    }

    [Fact]
    public void A_pause_waits_once_everything_has_landed_and_then_goes_on()
    {
        On(new FanOutEvent.Begun());
        On(Planned(("a", 20), ("b", 20)));
        On(Planned());
        var until = _now.AddSeconds(30);
        Assert.Empty(On(new FanOutEvent.BatchEnded(Batch("a", 20), new EmbeddedBatch(new BatchCounts(), until, "busy"))));

        var wait = Assert.IsType<FanOutCommand.Wait>(Assert.Single(On(new FanOutEvent.BatchEnded(Batch("b", 20), Embedded(20)))));

        Assert.Equal((until, "waiting for the provider: busy"), (wait.Until, wait.Reason));
        Assert.IsType<FanOutCommand.PlanPage>(Assert.Single(On(new FanOutEvent.Waited())));
        Assert.Equal(new FanOutCommand.Finish(HasMore: false), Assert.Single(On(Planned())));
    }

    [Fact]
    public void What_a_page_saw_held_beside_batches_in_flight_is_waited_for_only_if_it_still_is_when_they_have_ended()
    {
        UseHistoryOf(pages: 1);
        On(new FanOutEvent.Begun());
        for (var round = 0; round < 4; round++)
        {
            On(Planned(("a", 20)));
            Assert.Empty(On(new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20))));
        }

        // The eleventh activity of the history is the plan that comes back while the last batch is in flight.
        Assert.Single(On(Planned(("a", 20))).OfType<FanOutCommand.PlanPage>());
        Assert.Empty(On(new FanOutEvent.PagePlanned(new PlannedPage([], "a", _now.AddSeconds(5)))));

        var end = On(new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20)));

        Assert.Equal(new FanOutCommand.Finish(HasMore: true), Assert.Single(end));
    }

    [Fact]
    public void At_the_end_of_a_history_no_place_in_flight_waits_for_what_a_partition_has_no_lane_for()
    {
        UseHistoryOf(pages: 1);
        On(new FanOutEvent.Begun());
        On(Planned(Enumerable.Repeat(("a", 20), 20).ToArray()));
        On(Planned());
        IReadOnlyList<FanOutCommand> commands = [];
        for (var ended = 0; ended < 20 && commands is not [FanOutCommand.Finish]; ended++)
        {
            commands = On(new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20)));
        }

        Assert.Equal(new FanOutCommand.Finish(HasMore: true), Assert.Single(commands));
        Assert.InRange(_state.Input.Counts.Embedded, 100, 260);
    }

    [Fact]
    public void Queued_batches_are_started_after_a_pause_though_a_limit_leaves_nothing_to_plan()
    {
        _state = new FanOutState(_state.Input with { Request = _state.Input.Request with { Limit = 40, Concurrency = 1 } });
        On(new FanOutEvent.Begun());
        On(Planned(("a", 20), ("b", 20)));
        On(new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20) with { RetryAt = _now.AddSeconds(30) }));

        var started = Assert.IsType<FanOutCommand.StartBatch>(Assert.Single(On(new FanOutEvent.Waited())));

        Assert.Equal("b", started.Batch.Partition);
    }

    [Theory]
    [InlineData(20, true, true)]
    [InlineData(1, true, false)] // As many as were found are not done yet.
    [InlineData(20, false, false)] // There is more than a page holds.
    public void An_application_that_never_rests_keeps_no_run_from_its_end(int embedded, bool hasAll, bool ends)
    {
        _state = new FanOutState(_state.Input with { Request = _state.Input.Request with { PagesPerExecution = 100 } });
        On(new FanOutEvent.Begun());
        IReadOnlyList<FanOutCommand> commands = [];
        for (var page = 0; page < 20 && commands is not [FanOutCommand.Finish]; page++)
        {
            On(Planned([("a", embedded)], hasAll));
            On(Planned());
            commands = On(new FanOutEvent.BatchEnded(Batch("a", embedded), Embedded(embedded)));
        }

        Assert.Equal(ends, commands is [FanOutCommand.Finish { HasMore: false }]);
    }

    [Fact]
    public void The_same_events_give_the_same_commands()
    {
        FanOutEvent[] events = [
            new FanOutEvent.Begun(), Planned(("a", 20), ("b", 20), ("a", 20), ("c", 20)),
            new FanOutEvent.BatchEnded(Batch("b", 20), new EmbeddedBatch(new BatchCounts(), NoLane: true)),
            new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20)), Planned(),
            new FanOutEvent.BatchEnded(Batch("a", 20), Embedded(20)), new FanOutEvent.BatchEnded(Batch("c", 20), Embedded(20)),
            Planned(),
        ];
        IReadOnlyList<string> Replay()
        {
            var state = _state;
            return events.SelectMany(happened =>
            {
                (state, var commands) = state.On(happened, _now);
                return commands.Select(command => command is FanOutCommand.PlanPage plan ? string.Join(',', plan.Busy) : $"{command}");
            }).ToList();
        }

        var first = Replay();

        Assert.Equal(first, Replay());
        Assert.Contains("waiting for items that another worker holds", first[^1], StringComparison.Ordinal);
    }

    private void UseHistoryOf(int pages) =>
        _state = new FanOutState(_state.Input with { Request = _state.Input.Request with { PagesPerExecution = pages } });

    private IReadOnlyList<FanOutCommand> On(FanOutEvent happened)
    {
        (_state, var commands) = _state.On(happened, _now);
        return commands;
    }

    private static FanOutEvent.PagePlanned Planned(params (string Partition, int Count)[] batches) =>
        Planned(batches, hasAll: false);

    private static FanOutEvent.PagePlanned Planned((string Partition, int Count)[] batches, bool hasAll) =>
        new(new PlannedPage(batches.Select(batch => Batch(batch.Partition, batch.Count)).ToList(), "") { HasAll = hasAll });

    private static PlannedBatch Batch(string partition, int count) => new("issue", partition, count);

    private static EmbeddedBatch Embedded(int count) => new(new BatchCounts { Claimed = count, Embedded = count });
}
