using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Runs;

/// <summary>Prices of tokens: OpenAI's list prices of 2025, in dollars for a million.</summary>
internal static class Price
{
    private static readonly Dictionary<string, decimal> _perMillion = new()
    {
        ["text-embedding-3-small"] = 0.02m,
        ["text-embedding-3-large"] = 0.13m,
        ["text-embedding-ada-002"] = 0.10m,
        [EmbeddingSettings.LocalModel] = 0m,
    };

    /// <returns>Dollars, half of them on the batch lane, or null for a model whose price is not known.</returns>
    public static decimal? Of(string model, long tokens, bool isOnBatchLane = false) =>
        _perMillion.TryGetValue(model, out var price) ? price * tokens / (isOnBatchLane ? 2_000_000 : 1_000_000) : null;
}
