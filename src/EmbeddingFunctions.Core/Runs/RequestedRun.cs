namespace EmbeddingFunctions.Runs;

/// <param name="IsNew">False: an earlier event had asked for it, and it does what this one asks for too.</param>
internal sealed record RequestedRun(Guid Id, bool IsNew);

/// <summary>Too many runs of a corpus wait for their start to accept another event now.</summary>
internal sealed class TooManyRunsException(string corpus, TimeSpan retryAfter)
    : Exception(
        $"{RunTransitions.MostWaiting} runs of '{corpus}' wait for their start: send the event again later, or one event for all of them.")
{
    /// <summary>By when one of them will have started.</summary>
    public TimeSpan RetryAfter => retryAfter;
}
