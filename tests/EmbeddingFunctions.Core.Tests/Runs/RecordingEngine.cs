using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>An engine that remembers what it is given, and knows of runs what the test says.</summary>
internal sealed class RecordingEngine(RunHost host = RunHost.Server) : IRunEngine
{
    public RunHost Host => host;

    public List<RunInput> Begun { get; } = [];

    public List<Guid> Cancelled { get; } = [];

    public EngineRun? Knows { get; set; }

    /// <summary>Happens while it is asked what it knows.</summary>
    public Func<Guid, Task> OnLook { get; init; } = _ => Task.CompletedTask;

    /// <summary>Fails to begin.</summary>
    public bool IsAway { get; set; }

    public Task Begin(RunInput run, CancellationToken cancellation)
    {
        lock (Begun)
        {
            Begun.Add(IsAway ? throw new TimeoutException("away") : run);
        }

        return Task.CompletedTask;
    }

    public Task Cancel(Guid runId, CancellationToken cancellation)
    {
        Cancelled.Add(runId);
        return Task.CompletedTask;
    }

    public async Task<EngineRun?> Find(Guid runId, CancellationToken cancellation)
    {
        await OnLook(runId);
        return Knows;
    }
}
