using System.Collections.Concurrent;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>
/// Runs everything on one thread, and lets time pass only when nothing else is left to do: what was sent when is then exact.
/// </summary>
internal sealed class OneThread : SynchronizationContext
{
    private readonly BlockingCollection<(SendOrPostCallback Call, object? State)> _work = [];

    public override void Post(SendOrPostCallback d, object? state) => _work.Add((d, state));

    /// <param name="clock">What everybody waits by.</param>
    /// <param name="work">What is to be done.</param>
    /// <param name="isAway">Whether something is on its way elsewhere, so that time must stand still.</param>
    public static void Run(ManualClock clock, Func<Task> work, Func<bool> isAway)
    {
        var (outer, thread) = (Current, new OneThread());
        SetSynchronizationContext(thread);
        try
        {
            var task = work();
            while (!task.IsCompleted)
            {
                thread.Step(clock, isAway);
            }

            task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    private void Step(ManualClock clock, Func<bool> isAway)
    {
        if (_work.TryTake(out var next))
        {
            next.Call(next.State);
        }
        else if (!isAway() && clock.Waiting > 0)
        {
            clock.RingNext();
        }
        else if (_work.TryTake(out next, millisecondsTimeout: 100))
        {
            next.Call(next.State);
        }
    }
}
