using EmbeddingFunctions.Runs;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions;

/// <summary>What is logged: events of runs and faults of requests, never a text, a vector or a key.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Information, "Run {RunId} of {Corpus} begins")]
    public static partial void RunBegins(this ILogger logger, Guid runId, string corpus);

    [LoggerMessage(LogLevel.Information, "Run {RunId} of {Corpus}: {Status}, {Processed} of {Total} items, {Failed} failed, {Tokens} tokens, {Seconds:0.0} s {Error}")]
    public static partial void RunEnds(
        this ILogger logger, Guid runId, string corpus, RunStatus status, int processed, int total, int failed, long tokens, double seconds, string? error);

    [LoggerMessage(LogLevel.Information, "Run {RunId} of {Corpus} is left to the next server, {Processed} items processed so far")]
    public static partial void RunIsLeft(this ILogger logger, Guid runId, string corpus, int processed);

    [LoggerMessage(LogLevel.Error, "Run {RunId} of {Corpus} broke off and is taken up again: {Reason}")]
    public static partial void RunBreaksOff(this ILogger logger, Guid runId, string corpus, string reason);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} was not served: {Fault} {Reason}")]
    public static partial void RequestFails(this ILogger logger, string method, string path, string fault, string reason);
}
