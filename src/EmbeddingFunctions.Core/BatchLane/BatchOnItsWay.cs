using System.ComponentModel.DataAnnotations;

namespace EmbeddingFunctions.BatchLane;

/// <summary>A batch on the provider's batch lane.</summary>
/// <param name="ProviderId">The provider's name of it; null before it has one.</param>
/// <param name="Status">building, uploaded, sent or cancelling.</param>
/// <param name="Inputs">Texts in it.</param>
/// <param name="Tokens">Of these texts, as counted here.</param>
public sealed record BatchOnItsWay(
    Guid Id, Guid RunId, string? ProviderId,
    [property: AllowedValues("building", "uploaded", "sent", "cancelling")] string Status, int Inputs, long Tokens,
    DateTimeOffset CreatedAt);
