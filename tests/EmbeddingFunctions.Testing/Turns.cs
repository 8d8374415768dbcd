namespace EmbeddingFunctions.Testing;

/// <summary>Lets all continuations run on the caller's thread before going on, as durable engines do.</summary>
public sealed class Turns : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback, object?)> _work = new();

    public override void Post(SendOrPostCallback d, object? state) => _work.Enqueue((d, state));

    public void Take(Action action)
    {
        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
            while (_work.TryDequeue(out var work))
            {
                work.Item1(work.Item2);
            }
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }
}
