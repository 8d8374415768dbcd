namespace EmbeddingFunctions.Faults;

/// <summary>A fault that comes again and again.</summary>
internal static class Repeat
{
    public static async Task Every(TimeSpan pause, Func<Task> action, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            await action();
            await Task.Delay(pause, CancellationToken.None);
        }
    }
}
