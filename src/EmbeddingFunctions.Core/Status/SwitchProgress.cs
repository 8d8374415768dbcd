namespace EmbeddingFunctions.Status;

/// <summary>A corpus's switch to another generation of vectors, from its beginning until one of the two is removed.</summary>
/// <param name="Generation">The number of the one that is filled or, after the flip, kept for the way back.</param>
/// <param name="Model">Of its vectors.</param>
/// <param name="Dimensions">Of its vectors.</param>
/// <param name="LiveGeneration">The number of the one that searches read.</param>
/// <param name="Total">Rows that take part.</param>
/// <param name="Done">Of these, decided on: embedded, empty or ignored.</param>
/// <param name="Failed">Of these, those that cannot be embedded.</param>
/// <param name="Behind">Of these, waiting although the live generation has their vector.</param>
/// <param name="Tokens">Paid for it so far.</param>
/// <param name="Dollars">The same at the model's price; null if that is not known.</param>
/// <param name="Obstacles">What keeps it from being flipped, as far as it was counted; recall and speed are measured by a command.</param>
/// <param name="Advice">What to do next, a sentence.</param>
public sealed record SwitchProgress(
    int Generation, string Model, int Dimensions, int LiveGeneration, long Total, long Done, long Failed, long Behind, long Tokens,
    decimal? Dollars, IReadOnlyList<string> Obstacles, string Advice);
