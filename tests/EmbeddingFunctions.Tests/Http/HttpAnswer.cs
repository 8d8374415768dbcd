namespace EmbeddingFunctions.Tests.Http;

/// <summary>What a host answered, ids and moments left out.</summary>
internal sealed record HttpAnswer(int Status, string? ContentType, string Location, string Body);
