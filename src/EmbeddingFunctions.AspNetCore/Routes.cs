using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The addresses of the HTTP API, behind a prefix.</summary>
internal static class Routes
{
    /// <summary>The prefix within the Functions app, which is set to put none of its own before its routes.</summary>
    public const string App = "api/embeddings/";

    /// <summary>The prefix of this repository's hosts.</summary>
    public const string Host = "api/embeddings";

    public const string Compute = "compute";

    public const string Runs = "runs";

    public const string Run = "runs/{runId}";

    public const string RunHistory = "runs/{runId}/history";

    public const string CancelRun = "runs/{runId}/cancel";

    public const string Status = "status";

    public const string Cost = "cost";

    public const string Overview = "overview";

    public const string Events = "events";

    public const string Predict = "predict";

    public const string Declarations = "declarations";

    public const string Audit = "corpora/{corpus}/audit";

    public const string Trends = "trends";

    public const string Failures = "failures";

    public const string FailedItems = "failures/items";

    public const string RetryFailures = "failures/retry";

    public const string IgnoreFailures = "failures/ignore";

    public const string Pause = "corpora/{corpus}/pause";

    public const string Resume = "corpora/{corpus}/resume";

    public const string Switches = "switches";

    public const string Switch = "switches/{corpus}";

    public const string SwitchStep = "switches/{corpus}/{step}";

    public const string Search = "search";

    public const string Similar = "similar/{corpus}/{kind}/{id}";

    public const string Embed = "embed";

    public const string Corpora = "corpora";

    /// <summary>It tells no secret; this repository's hosts let everyone ask.</summary>
    public const string Health = "health";

    /// <returns>The address of a run, behind whatever a host has put before our routes.</returns>
    /// <param name="run">The run.</param>
    /// <param name="request">A request to one of our routes.</param>
    /// <param name="route">That route.</param>
    public static string AddressOf(Guid run, HttpRequest request, string route)
    {
        var path = $"{request.PathBase}{request.Path}".TrimEnd('/');
        return $"{(path.EndsWith(route, StringComparison.OrdinalIgnoreCase) ? path[..^route.Length] : $"/{Host}/")}{Runs}/{run}";
    }
}
