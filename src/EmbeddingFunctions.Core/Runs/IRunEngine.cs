namespace EmbeddingFunctions.Runs;

/// <summary>Carries requested runs: a durable orchestration, or a server's own process.</summary>
internal interface IRunEngine
{
    RunHost Host { get; }

    /// <summary>Starts a recorded run in the background. One that the engine carries already goes on as it is.</summary>
    Task Begin(RunInput run, CancellationToken cancellation);

    /// <summary>Wakes a run that is to be cancelled, should it wait; that it is to be is in the database.</summary>
    Task Cancel(Guid runId, CancellationToken cancellation);

    /// <returns>What the engine knows of a run, or null if nothing.</returns>
    Task<EngineRun?> Find(Guid runId, CancellationToken cancellation);

    /// <summary>Forgets what the engine keeps of runs that began that long ago and have ended; most keep nothing.</summary>
    Task Forget(TimeSpan age, CancellationToken cancellation) => Task.CompletedTask;
}

/// <summary>
/// The host that carries a run. A command's run ends with its process, a server's is taken up by another, a durable one by its history.
/// </summary>
internal enum RunHost
{
    Command,
    Server,
    Functions,

    /// <summary>The provider: the run's batches are on its batch lane, and any host takes their results.</summary>
    Batch,
}

/// <param name="EndedBecause">The engine has ended it without closing its job; null: it goes on.</param>
/// <param name="Cancelled">It was ended from outside.</param>
/// <param name="MayBeginAgain">The engine failed, not the run, and not too often: begun again, the run goes on where it was.</param>
/// <param name="Note">What it waits for.</param>
internal sealed record EngineRun(string? EndedBecause = null, bool Cancelled = false, bool MayBeginAgain = false, string? Note = null);
