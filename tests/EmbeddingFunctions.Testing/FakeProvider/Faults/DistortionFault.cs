namespace EmbeddingFunctions.Testing;

/// <summary>Changes a reply with vectors; the work was done and counts as paid.</summary>
internal sealed record DistortionFault(string Called, Action<Answer, IReadOnlyList<int>> Change) : Fault(Called)
{
    internal override Task ActAsync(Exchange exchange) => exchange.AnswerAsync(Change);
}
