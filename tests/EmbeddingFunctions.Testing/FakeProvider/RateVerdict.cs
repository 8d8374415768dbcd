namespace EmbeddingFunctions.Testing;

/// <summary>Whether the limits let a request pass, when to come back if not, and the headers that say so.</summary>
internal sealed record RateVerdict(Refusal? Refusal, TimeSpan? Wait, IReadOnlyList<(string Name, string Value)> Headers);
