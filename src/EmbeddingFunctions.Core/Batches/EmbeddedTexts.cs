namespace EmbeddingFunctions.Batches;

/// <summary>A batch's texts and what became of each so far: a vector, a failure, or nothing yet. What was paid for stays, whatever comes after.</summary>
internal sealed class EmbeddedTexts(IReadOnlyList<string> texts)
{
    public IReadOnlyList<string> Texts => texts;

    public ReadOnlyMemory<float>?[] Vectors { get; } = new ReadOnlyMemory<float>?[texts.Count];

    /// <summary>Whether the provider has answered well since the batch began: then a reply that is none is the texts' doing.</summary>
    public bool IsProviderWell { get; set; }

    /// <summary>Why a text has no vector, where it is to blame.</summary>
    public string?[] Failures { get; } = new string?[texts.Count];
}
