using System.Diagnostics;
using EmbeddingFunctions.Faults.Crashes;

/// <summary>
/// .NET loads it into a worker that is started with <c>DOTNET_STARTUP_HOOKS</c>. It ends that process as the out-of-memory killer would, at
/// the crash point that <see cref="FaultPoint.Variable"/> names. The product has no such code.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var fault = FaultPoint.Parse(Environment.GetEnvironmentVariable(FaultPoint.Variable)!);
        var passings = 0;
        DiagnosticListener.AllListeners.Subscribe(new Observer<DiagnosticListener>(source =>
        {
            if (source.Name == "EmbeddingFunctions.Checkpoints")
            {
                source.Subscribe(new Observer<KeyValuePair<string, object?>>(passed => Pass(passed.Key)));
            }
        }));

        void Pass(string checkpoint)
        {
            if (checkpoint == fault.Checkpoint && Interlocked.Increment(ref passings) == fault.Occurrence)
            {
                _ = fault.Delay == TimeSpan.Zero ? End() : Task.Delay(fault.Delay).ContinueWith(_ => End(), TaskScheduler.Default);
            }
        }
    }

    private static Task End()
    {
        using var self = Process.GetCurrentProcess();
        self.Kill();
        return Task.CompletedTask;
    }

    private sealed class Observer<T>(Action<T> next) : IObserver<T>
    {
        public void OnNext(T value) => next(value);

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
