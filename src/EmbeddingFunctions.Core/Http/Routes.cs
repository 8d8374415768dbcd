namespace EmbeddingFunctions.Http;

/// <summary>The addresses of the HTTP API, behind a host's prefix, <c>/api</c> as Functions has it.</summary>
public static class Routes
{
    public const string Prefix = "api";

    public const string Compute = "embeddings/compute";

    public const string Runs = "embeddings/runs";

    public const string Run = "embeddings/runs/{runId}";

    public const string CancelRun = "embeddings/runs/{runId}/cancel";

    public const string Status = "embeddings/status";

    /// <summary>Open to anybody: it tells no secret.</summary>
    public const string Health = "embeddings/health";
}
