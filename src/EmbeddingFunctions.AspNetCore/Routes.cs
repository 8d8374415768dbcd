namespace EmbeddingFunctions.AspNetCore;

/// <summary>The addresses of the HTTP API, behind a prefix.</summary>
internal static class Routes
{
    /// <summary>The prefix within the Functions app, which puts <c>/api</c> before all its routes.</summary>
    public const string App = "embeddings/";

    /// <summary>The prefix of this repository's hosts.</summary>
    public const string Host = "api/embeddings";

    public const string Compute = "compute";

    public const string Runs = "runs";

    public const string Run = "runs/{runId}";

    public const string CancelRun = "runs/{runId}/cancel";

    public const string Status = "status";

    /// <summary>It tells no secret; this repository's hosts let everyone ask.</summary>
    public const string Health = "health";
}
