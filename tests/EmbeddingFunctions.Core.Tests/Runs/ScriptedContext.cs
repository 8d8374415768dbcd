using System.Text.Json;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Pending items by partition, standing in for the database where only the orchestration is looked at.</summary>
internal sealed class World : SortedDictionary<string, int>
{
    public PlannedPage Plan(PlanPage order)
    {
        var pending = this.Where(entry => entry.Value > 0 && !order.Busy.Contains(entry.Key))
            .Select(entry => new PendingItems("issue", entry.Key, entry.Value)).ToList();
        var page = PagePlanner.Deal(pending, order.Cursor, _ => 20, Math.Min(200, order.Items));
        return new PlannedPage(page, page.Count == 0 ? order.Cursor : page[^1].Partition);
    }

    public int Take(EmbedBatch batch)
    {
        var taken = Math.Min(batch.Count, this[batch.Partition]);
        this[batch.Partition] -= taken;
        return taken;
    }
}

/// <summary>An engine whose activities a test answers, and which watches what is in flight.</summary>
internal sealed class ScriptedContext(World world) : IRunContext
{
    private readonly Dictionary<string, int> _inFlight = [];
    private int _history;

    public DateTimeOffset Now { get; private set; } = DateTimeOffset.UnixEpoch;

    /// <summary>Answers a batch; the standard embeds what it takes.</summary>
    public Func<EmbedBatch, Task<EmbeddedBatch>>? OnBatch { get; init; }

    public int Embedded { get; private set; }

    public int MaxInFlight { get; private set; }

    public int MaxInFlightOfAPartition { get; private set; }

    /// <summary>How many batches were in flight whenever a page was planned.</summary>
    public List<int> InFlightAtPlan { get; } = [];

    public List<string> Order { get; } = [];

    public List<DateTimeOffset> Waits { get; } = [];

    public CloseRun? Closed { get; private set; }

    public RunInput? Next { get; private set; }

    public int LongestHistory { get; private set; }

    public async Task<RunOutcome?> RunToEnd(RunRequest request)
    {
        var input = new RunInput(Guid.NewGuid(), request);
        while (true)
        {
            (Next, _history) = (null, 0);
            if (await RunOrchestration.Run(this, input) is { } outcome)
            {
                return outcome;
            }

            input = Next!;
        }
    }

    public Guid NewId() => Guid.NewGuid();

    public async Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input)
    {
        var output = (TOutput)(object)(input switch
        {
            RunInput when activity.Name == nameof(RunActivities.StartRun) => Now,
            RunInput => new OpenedRun(world.Values.Sum(), 2, null),
            PlanPage plan => Plan(plan),
            EmbedBatch batch => await Embed(batch),
            CloseRun close => Close(close),
            _ => throw new InvalidOperationException(activity.Name),
        });
        _history += activity.Name.Length + JsonSerializer.Serialize(input).Length + JsonSerializer.Serialize(output).Length;
        LongestHistory = Math.Max(LongestHistory, _history);
        return output;
    }

    public Task WaitUntil(DateTimeOffset time)
    {
        Waits.Add(time);
        Now = time > Now ? time : Now;
        return Task.CompletedTask;
    }

    public void Report(RunProgress progress)
    {
    }

    public void ContinueAsNew(RunInput input) => Next = input;

    private PlannedPage Plan(PlanPage order)
    {
        InFlightAtPlan.Add(_inFlight.Values.Sum());
        return world.Plan(order);
    }

    private async Task<EmbeddedBatch> Embed(EmbedBatch batch)
    {
        _inFlight[batch.Partition] = _inFlight.GetValueOrDefault(batch.Partition) + 1;
        MaxInFlight = Math.Max(MaxInFlight, _inFlight.Values.Sum());
        MaxInFlightOfAPartition = Math.Max(MaxInFlightOfAPartition, _inFlight[batch.Partition]);
        Order.Add(batch.Partition);
        // Ends some turns later, so that others come to be in flight.
        await Task.Yield();
        var result = OnBatch is null ? new EmbeddedBatch(Take(batch)) : await OnBatch(batch);
        _inFlight[batch.Partition]--;
        Embedded += result.Counts.Embedded;
        return result;
    }

    public BatchCounts Take(EmbedBatch batch)
    {
        var taken = world.Take(batch);
        return new BatchCounts { Claimed = taken, Embedded = taken, Requests = 1 };
    }

    private RunOutcome Close(CloseRun close)
    {
        Closed = close;
        var status = close.Cancelled ? RunStatus.Cancelled : close.StopReason is null ? RunStatus.Completed : RunStatus.Failed;
        return new RunOutcome(close.Run.RunId, status, 0, close.Run.Counts, close.StopReason, 0);
    }
}
