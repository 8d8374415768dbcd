namespace EmbeddingFunctions.Testing;

/// <summary>A request with its entry in the audit: what a script can match on.</summary>
internal sealed record ArrivedRequest(EmbeddingsRequest Sent, FakeRequest Entry);
