namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Takes one step at a time, as a durable engine does, and finds a run that waits for nothing.</summary>
internal sealed class OneThread : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback, object?)> _work = new();

    public static void Run(Func<Task> test)
    {
        var outer = SynchronizationContext.Current;
        var thread = new OneThread();
        SynchronizationContext.SetSynchronizationContext(thread);
        try
        {
            var task = test();
            thread.RunUntil(task);
            task.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    public override void Post(SendOrPostCallback d, object? state) => _work.Enqueue((d, state));

    private void RunUntil(Task task)
    {
        while (!task.IsCompleted)
        {
            Assert.True(_work.TryDequeue(out var work), "Nothing is left to run, and the run has not ended.");
            work.Item1(work.Item2);
        }
    }
}
