using EmbeddingFunctions.Runs;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.App;

/// <summary>What the Functions app logs of its orchestrations.</summary>
internal static partial class AppLog
{
    [LoggerMessage(EventId = 900, Message = "Run {RunId} of {Corpus}: {Status}: {Reason}")]
    public static partial void RunHasProblem(
        this ILogger logger, LogLevel level, Guid runId, string corpus, RunStatus status, string reason);

    [LoggerMessage(901, LogLevel.Information, "{Activity} waits for a host that the database was migrated for: {Reason}")]
    public static partial void WaitsForAnotherHost(this ILogger logger, string activity, string reason);
}
