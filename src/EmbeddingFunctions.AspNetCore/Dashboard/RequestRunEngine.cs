using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The engine that came with the request, where a host gives each request one of its own.</summary>
internal sealed class RequestRunEngine : IRunEngine
{
    private readonly AsyncLocal<IRunEngine?> _current = new();

    public IRunEngine Current
    {
        get => _current.Value ?? throw new InvalidOperationException("The request has brought no engine.");
        set => _current.Value = value;
    }

    public RunHost Host => Current.Host;

    public Task Begin(RunInput run, CancellationToken cancellation) => Current.Begin(run, cancellation);

    public Task Cancel(Guid runId, CancellationToken cancellation) => Current.Cancel(runId, cancellation);

    public Task<EngineRun?> Find(Guid runId, CancellationToken cancellation) => Current.Find(runId, cancellation);

    public Task Forget(TimeSpan age, CancellationToken cancellation) => Current.Forget(age, cancellation);
}
