using System.Text;

namespace EmbeddingFunctions.Texts;

/// <summary>A text to embed. Counting its tokens takes time: it is done once, and only where the number of bytes does not decide.</summary>
/// <param name="text">Normalised.</param>
/// <param name="counter">The model's.</param>
/// <param name="tokens">Its count, if it is known already.</param>
internal sealed class InputText(string text, TokenCounter counter, int? tokens = null)
{
    private readonly int _bytes = Encoding.UTF8.GetByteCount(text);
    private int? _tokens = tokens;

    public string Text => text;

    public int Tokens => _tokens ??= counter.Count(text);

    /// <summary>There are never more tokens than this: each is a byte or more.</summary>
    public int MostTokens => _tokens ?? _bytes;

    /// <returns>Its beginning, without white space at its end.</returns>
    public InputText Beginning(int maxCharacters) => new(NormalizedText.Cut(text, maxCharacters).TrimEnd(), counter);

    public bool IsAtMost(int tokens) => MostTokens <= tokens || Tokens <= tokens;

    /// <summary>The tokens if they were counted, else an estimate: for what is corrected later by what the provider bills.</summary>
    public int ExpectedTokens => _tokens ?? TokenEstimate.Of(text);

    /// <summary>What the text takes of a request's limit: the provider holds a quarter token a byte against it.</summary>
    public int RequestTokens => Math.Max(Tokens, (_bytes + 3) / 4);

    /// <summary><see cref="RequestTokens"/> is never more than this.</summary>
    public int MostRequestTokens => Math.Max(MostTokens, (_bytes + 3) / 4);
}
