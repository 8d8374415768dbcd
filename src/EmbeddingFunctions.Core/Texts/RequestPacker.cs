namespace EmbeddingFunctions.Texts;

/// <summary>Splits texts into requests that the provider takes: at most 2,048 inputs and 300,000 tokens by its own estimate.</summary>
internal sealed class RequestPacker
{
    private const int MaxInputs = 2_048;

    // Ten percent are left free, because the provider's estimate is not ours.
    private const double Headroom = 0.9;

    private int _maxTokens = (int)(300_000 * Headroom);

    /// <summary>The limit has changed before (it was 600,000): what the provider says of it in a refusal counts from then on.</summary>
    public void Learn(int maxTokensPerRequest) => _maxTokens = Math.Min(_maxTokens, Math.Max(1, (int)(maxTokensPerRequest * Headroom)));

    /// <returns>Runs of consecutive texts; together they are all of them, in order.</returns>
    public IEnumerable<Range> Pack(IReadOnlyList<string> texts)
    {
        var (first, tokens) = (0, 0);
        for (var i = 0; i < texts.Count; i++)
        {
            var more = TokenEstimate.Of(texts[i]);
            if (i > first && (i - first == MaxInputs || tokens + more > _maxTokens))
            {
                yield return first..i;
                (first, tokens) = (i, 0);
            }

            tokens += more;
        }

        if (first < texts.Count)
        {
            yield return first..texts.Count;
        }
    }
}
