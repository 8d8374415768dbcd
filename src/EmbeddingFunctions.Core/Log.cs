using EmbeddingFunctions.Runs;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions;

/// <summary>Log messages: events of runs, outages and faults of requests; never a text, a vector or a key.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Information, "Run {RunId} of {Corpus} begins, {Total} items are pending")]
    public static partial void RunBegins(this ILogger logger, Guid runId, string corpus, int total);

    [LoggerMessage(LogLevel.Information, "Run {RunId} of {Corpus}: {Processed} of {Total} items so far, {Failed} failed{Note}")]
    public static partial void RunGoesOn(this ILogger logger, Guid runId, string corpus, int processed, int total, int failed, string note);

    [LoggerMessage(
        "Run {RunId} of {Corpus}: {Status}, {Processed} of {Total} items, {Failed} failed, {Tokens} tokens, {Seconds:0.0} s{Error}")]
    public static partial void RunEnds(
        this ILogger logger, LogLevel level, Guid runId, string corpus, RunStatus status, int processed, int total, int failed, long tokens,
        double seconds, string error);

    [LoggerMessage(LogLevel.Information, "Run {RunId} of {Corpus} is left to the next server, {Processed} items processed so far")]
    public static partial void RunIsLeft(this ILogger logger, Guid runId, string corpus, int processed);

    [LoggerMessage(LogLevel.Error, "Run {RunId} of {Corpus} broke off and is taken up again: {Reason}")]
    public static partial void RunBreaksOff(this ILogger logger, Guid runId, string corpus, string reason);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} was not served: {Fault} {Reason}")]
    public static partial void RequestFails(this ILogger logger, string method, string path, string fault, string reason);

    [LoggerMessage(LogLevel.Warning, "The provider of {Model} fails; it is tried again until it answers: {Reason}")]
    public static partial void ProviderFails(this ILogger logger, string model, string reason);

    [LoggerMessage(LogLevel.Error, "The provider of {Model} refuses all calls until a person acts: {Reason}")]
    public static partial void ProviderRefuses(this ILogger logger, string model, string reason);

    [LoggerMessage(LogLevel.Information, "The provider of {Model} answers again after {Seconds:0} s")]
    public static partial void ProviderAnswersAgain(this ILogger logger, string model, double seconds);

    [LoggerMessage("The circuit of {Model} is open, calls wait or fail at once: {Reason}")]
    public static partial void CircuitOpened(this ILogger logger, LogLevel level, string model, string reason);

    [LoggerMessage(LogLevel.Debug, "The circuit of {Model} is half-open, one call probes the provider")]
    public static partial void CircuitHalfOpened(this ILogger logger, string model);

    [LoggerMessage(LogLevel.Information, "The circuit of {Model} is closed, calls go through again")]
    public static partial void CircuitClosed(this ILogger logger, string model);

    [LoggerMessage(LogLevel.Information,
        "Calls of {Model} wait {Seconds:0.0} s for the shared limits of {Requests:0} requests and {Tokens:0} tokens a minute")]
    public static partial void LimitsAreReached(this ILogger logger, string model, double seconds, double requests, double tokens);

    [LoggerMessage(LogLevel.Warning,
        "The database cannot be reached for the shared limits of {Name}; this process uses a quarter of them by itself meanwhile")]
    public static partial void LimiterStoreIsLost(this ILogger logger, string name);

    [LoggerMessage(LogLevel.Information, "The shared limits of {Name} are back in use")]
    public static partial void LimiterStoreIsBack(this ILogger logger, string name);

    [LoggerMessage(LogLevel.Warning, "{Why} Runs wait, what is asked for is refused.")]
    public static partial void Disabled(this ILogger logger, string why);

    [LoggerMessage(LogLevel.Warning, "The schedule waits: {Reason}")]
    public static partial void ScheduleWaits(this ILogger logger, string reason);

    [LoggerMessage(LogLevel.Information, "The schedule goes on.")]
    public static partial void ScheduleGoesOn(this ILogger logger);

    [LoggerMessage("{Line}")]
    public static partial void Hears(this ILogger logger, LogLevel level, string line);
}
