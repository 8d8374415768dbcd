using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Resilience;

/// <summary>For which corpus and run a request is sent. It travels in the options of the call.</summary>
/// <param name="IsCapped">Whether the run may spend only so much.</param>
internal sealed record RequestOrigin(string? Corpus = null, Guid? Run = null, bool IsCapped = false)
{
    internal const string Name = "origin";

    public static RequestOrigin Unknown { get; } = new();

    public static RequestOrigin Of(EmbeddingGenerationOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(Name, out RequestOrigin? origin) == true && origin is not null ? origin : Unknown;

    /// <summary>For a call that no meter counts.</summary>
    /// <param name="model">The provider's name of it.</param>
    /// <param name="dimensions">Of the vectors.</param>
    public EmbeddingGenerationOptions Options(string model, int dimensions) =>
        new() { ModelId = model, Dimensions = dimensions, AdditionalProperties = new() { [Name] = this } };
}
