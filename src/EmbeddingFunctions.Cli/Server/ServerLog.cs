using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>What the local server logs, in addition to its runs.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(800, LogLevel.Information, "Listening on {Address}/{Path}; schedule {Schedule} (UTC). Ctrl-C ends it.")]
    public static partial void Listening(this ILogger logger, string address, string path, string schedule);

    [LoggerMessage(801, LogLevel.Information,
        "Requests carry the key in {File} in the header x-functions-key; 'embeddings trigger', run by the same user, sends it")]
    public static partial void KeyIsIn(this ILogger logger, string file);

    [LoggerMessage(803, LogLevel.Information, "A page to search with is at {Address}{Path}")]
    public static partial void SearchPageIsAt(this ILogger logger, string address, string path);

    [LoggerMessage(804, LogLevel.Information, "The dashboard is at {Address}{Path}")]
    public static partial void DashboardIsAt(this ILogger logger, string address, string path);

    [LoggerMessage(802, LogLevel.Information, "Stopped. What was open goes on with the next server.")]
    public static partial void Stopped(this ILogger logger);
}
