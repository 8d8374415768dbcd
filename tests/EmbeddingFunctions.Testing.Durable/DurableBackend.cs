using System.Collections.Concurrent;
using System.Text;
using DurableTask.Core;
using DurableTask.Core.History;
using DurableTask.Core.Serializing;
using Microsoft.DurableTask.Testing.Sidecar;

namespace EmbeddingFunctions.Testing.Durable;

/// <summary>
/// The SDK's in-memory task hub as storage that outlives its host: it hands out again the work that a lost host had taken, fires timers at
/// once, when they are due or on command, and counts.
/// </summary>
internal sealed class DurableBackend : InMemoryOrchestrationService, IOrchestrationService, IOrchestrationServiceClient
{
    private readonly ConcurrentDictionary<TaskActivityWorkItem, bool> _activities = [];
    private readonly ConcurrentDictionary<TaskOrchestrationWorkItem, bool> _orchestrations = [];
    private readonly ConcurrentDictionary<string, HistoryEvent[]> _histories = [];
    private readonly ConcurrentQueue<TaskMessage> _heldTimers = [];
    private readonly ConcurrentQueue<DateTime> _timers = [];
    private int _activityCount;
    private int _started;
    private int _running;
    private int _turns;

    // As in host.json: the SDK's own is the number of processors, and it looks for a free place every half second only.
    int IOrchestrationService.MaxConcurrentTaskActivityWorkItems => 24;

    int IOrchestrationService.MaxConcurrentTaskOrchestrationWorkItems => 8;

    /// <summary>Whether timers fire only when <see cref="FireTimers"/> is called.</summary>
    public bool HoldsTimers { get; set; }

    /// <summary>Whether timers fire when they are due, and not at once.</summary>
    public bool KeepsTime { get; init; }

    /// <summary>Whether no more activities are handed out, as by a host that is to stop.</summary>
    public bool IsDraining { get; set; }

    /// <summary>Activities that the worker has in hand.</summary>
    public int Running => _running;

    /// <summary>Changes what an activity of a name has returned, as another host's result under the same name does.</summary>
    public Func<string, string?, string?> Garble { get; set; } = (_, result) => result;

    /// <summary>When the timers asked for so far were to fire, UTC.</summary>
    public IReadOnlyCollection<DateTime> Timers => _timers;

    /// <summary>Histories begun, all instances together.</summary>
    public int Generations => _histories.Count;

    /// <summary>Each generation's history, as JSON.</summary>
    public IEnumerable<string> Histories => _histories.Values.Select(JsonDataConverter.Default.Serialize);

    /// <summary>Orchestrations that were accepted.</summary>
    public int Started => _started;

    /// <summary>Activities handed out, all instances together.</summary>
    public int Activities => _activityCount;

    /// <summary>How often an orchestration was replayed and went on.</summary>
    public int Turns => _turns;

    /// <summary>Bytes of the largest history of one generation, as JSON.</summary>
    public int LargestHistory => Histories.Max(Encoding.UTF8.GetByteCount);

    public void FireTimers()
    {
        while (_heldTimers.TryDequeue(out var timer))
        {
            _ = SendTaskOrchestrationMessageAsync(Due(timer));
        }
    }

    /// <summary>Makes an instance that much older.</summary>
    public async Task Age(Guid run, TimeSpan by) => (await GetOrchestrationStateAsync(run.ToString(), executionId: null)).CreatedTime -= by;

    /// <summary>Makes the work that a lost host had taken available again, as the queues' visibility time-outs do.</summary>
    public async Task TakeBack()
    {
        (IsDraining, _running) = (false, 0);
        foreach (var activity in _activities.Keys)
        {
            await ((IOrchestrationService)this).AbandonTaskActivityWorkItemAsync(activity);
        }

        foreach (var orchestration in _orchestrations.Keys)
        {
            await AbandonTaskOrchestrationWorkItemAsync(orchestration);
            await ((IOrchestrationService)this).ReleaseTaskOrchestrationWorkItemAsync(orchestration);
        }
    }

    Task IOrchestrationServiceClient.CreateTaskOrchestrationAsync(TaskMessage creationMessage, OrchestrationStatus[] dedupeStatuses)
    {
        var created = CreateTaskOrchestrationAsync(creationMessage, dedupeStatuses);
        Interlocked.Increment(ref _started);
        return created;
    }

    async Task<TaskActivityWorkItem> IOrchestrationService.LockNextTaskActivityWorkItem(
        TimeSpan receiveTimeout, CancellationToken cancellationToken)
    {
        var activity = await LockNextTaskActivityWorkItem(receiveTimeout, cancellationToken);
        _activities[activity] = true;
        if (IsDraining)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        Interlocked.Increment(ref _activityCount);
        Interlocked.Increment(ref _running);
        return activity;
    }

    Task IOrchestrationService.CompleteTaskActivityWorkItemAsync(TaskActivityWorkItem workItem, TaskMessage responseMessage)
    {
        _activities.TryRemove(workItem, out _);
        Interlocked.Decrement(ref _running);
        if (responseMessage.Event is TaskCompletedEvent completed)
        {
            var result = Garble(((TaskScheduledEvent)workItem.TaskMessage.Event).Name!, completed.Result);
            responseMessage.Event = new TaskCompletedEvent(completed.EventId, completed.TaskScheduledId, result);
        }

        return CompleteTaskActivityWorkItemAsync(workItem, responseMessage);
    }

    Task IOrchestrationService.AbandonTaskActivityWorkItemAsync(TaskActivityWorkItem workItem)
    {
        _activities.TryRemove(workItem, out _);
        return AbandonTaskActivityWorkItemAsync(workItem);
    }

    async Task<TaskOrchestrationWorkItem> IOrchestrationService.LockNextTaskOrchestrationWorkItemAsync(
        TimeSpan receiveTimeout, CancellationToken cancellationToken)
    {
        var orchestration = await LockNextTaskOrchestrationWorkItemAsync(receiveTimeout, cancellationToken);
        _orchestrations[orchestration] = true;
        return orchestration;
    }

    Task IOrchestrationService.ReleaseTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem workItem)
    {
        _orchestrations.TryRemove(workItem, out _);
        return ReleaseTaskOrchestrationWorkItemAsync(workItem);
    }

    Task IOrchestrationService.CompleteTaskOrchestrationWorkItemAsync(
        TaskOrchestrationWorkItem workItem, OrchestrationRuntimeState newOrchestrationRuntimeState, IList<TaskMessage> outboundMessages,
        IList<TaskMessage> orchestratorMessages, IList<TaskMessage> timerMessages, TaskMessage continuedAsNewMessage,
        OrchestrationState orchestrationState)
    {
        foreach (var timer in timerMessages)
        {
            _timers.Enqueue(((TimerFiredEvent)timer.Event).FireAt);
            if (HoldsTimers)
            {
                _heldTimers.Enqueue(timer);
            }
        }

        Interlocked.Increment(ref _turns);
        _histories[newOrchestrationRuntimeState.OrchestrationInstance!.ExecutionId] = [.. newOrchestrationRuntimeState.Events];
        // As in Azure Storage, whose instances keep the output alone.
        orchestrationState.FailureDetails = null;
        return CompleteTaskOrchestrationWorkItemAsync(
            workItem, newOrchestrationRuntimeState, outboundMessages, orchestratorMessages,
            HoldsTimers ? [] : KeepsTime ? timerMessages : timerMessages.Select(Due).ToList(), continuedAsNewMessage, orchestrationState);
    }

    private static TaskMessage Due(TaskMessage timer)
    {
        ((TimerFiredEvent)timer.Event).FireAt = DateTime.UtcNow;
        return timer;
    }
}
