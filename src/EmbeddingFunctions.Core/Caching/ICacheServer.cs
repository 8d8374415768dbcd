namespace EmbeddingFunctions.Caching;

/// <summary>A server that keeps paid vectors, where one is configured.</summary>
internal interface ICacheServer
{
    /// <summary>Host and port, without user or password.</summary>
    string Server { get; }

    /// <returns>Why it is unavailable; null: it replies.</returns>
    Task<string?> Problem(CancellationToken cancellation);
}
