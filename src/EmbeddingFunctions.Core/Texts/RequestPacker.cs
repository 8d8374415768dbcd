namespace EmbeddingFunctions.Texts;

/// <summary>
/// Splits texts into requests that the provider accepts: at most 2,048 inputs and 300,000 tokens, less where it has refused that.
/// </summary>
/// <param name="tokensPerMinute">A request larger than what a minute allows would never be accepted.</param>
/// <param name="maxInputs">Fewer inputs than the provider accepts, where smaller requests are wanted.</param>
internal sealed class RequestPacker(int tokensPerMinute = int.MaxValue, int maxInputs = RequestPacker.MaxInputs)
{
    /// <summary>The most inputs of one request.</summary>
    public const int MaxInputs = 2_048;

    private const int MaxTokens = 300_000;

    // Ten percent are left free, because the provider's count may differ from ours.
    private const double Headroom = 0.9;

    private int _maxInputs = maxInputs;

    private int _maxTokens = (int)(Math.Min(MaxTokens, tokensPerMinute) * Headroom);

    /// <summary>The limit has changed before (it was 600,000): a refusal counts from then on.</summary>
    /// <param name="refused">The texts that were too many together; afterwards they no longer fit into one request.</param>
    /// <param name="maxTokens">What the provider said that it takes; if it did not say, half of what was refused is tried.</param>
    public void Learn(IEnumerable<InputText> refused, int? maxTokens)
    {
        var tokens = refused.Sum(text => text.RequestTokens);
        var ceiling = maxTokens is { } limit ? (int)(Math.Min(limit, tokens) * Headroom) : tokens / 2;
        _maxTokens = Math.Min(_maxTokens, Math.Max(1, ceiling));
    }

    /// <summary>A request was refused, but all its inputs were accepted in smaller requests: their number was refused.</summary>
    /// <param name="accepted">The inputs of the largest of these.</param>
    public void LearnInputs(int accepted) => _maxInputs = Math.Min(_maxInputs, Math.Max(1, accepted));

    /// <returns>How many items of an average size fit into one request, at least one.</returns>
    /// <param name="inputs">Texts of an item.</param>
    /// <param name="tokens">Tokens of an item.</param>
    public int Items(double inputs, double tokens) => (int)Math.Max(1, Math.Min(_maxInputs / inputs, _maxTokens / tokens));

    /// <returns>The index of the first text after the request that begins with text <paramref name="first"/>.</returns>
    public int Next(IReadOnlyList<InputText> texts, int first)
    {
        // Where even the most that they may have is little enough, nothing has to be counted.
        var most = Next(i => texts[i].MostRequestTokens, first, texts.Count);
        return most - first == Math.Min(_maxInputs, texts.Count - first)
            ? most
            : Next(i => texts[i].RequestTokens, first, texts.Count);
    }

    /// <param name="tokens">The <see cref="InputText.RequestTokens"/> of each text.</param>
    /// <returns>How many requests they are, in order.</returns>
    public int Requests(IReadOnlyList<int> tokens)
    {
        var requests = 0;
        for (var first = 0; first < tokens.Count; requests++)
        {
            first = Next(i => tokens[i], first, tokens.Count);
        }

        return requests;
    }

    private int Next(Func<int, int> tokensOf, int first, int end)
    {
        var next = first;
        for (var tokens = 0; next < end && next - first < _maxInputs; next++)
        {
            tokens += tokensOf(next);
            if (next > first && tokens > _maxTokens)
            {
                break;
            }
        }

        return next;
    }
}
