namespace EmbeddingFunctions.Runs;

/// <summary>
/// All that the orchestration may do in addition to computing: only what a durable engine can record and replay.
/// No clock, id, random number or I/O reaches it any other way.
/// </summary>
internal interface IRunContext
{
    /// <summary>The time, the same on every replay.</summary>
    DateTimeOffset Now { get; }

    /// <summary>A new id, the same on every replay.</summary>
    Guid NewId();

    /// <exception cref="ActivityFailedException">The activity failed for good, its retries included.</exception>
    Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input);

    Task WaitUntil(DateTimeOffset time);

    void Report(RunProgress progress);

    /// <summary>Ends this execution and begins a new one with a fresh history.</summary>
    void ContinueAsNew(RunInput input);
}
