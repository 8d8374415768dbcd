namespace EmbeddingFunctions.Texts;

/// <summary>
/// Counts the tokens of a model: exactly where its tokenizer is known, else by an estimate. Which it is follows from the model's name
/// alone, because it decides where texts are cut: the name is part of the rule, so every host cuts alike.
/// </summary>
internal abstract class TokenCounter
{
    /// <summary>The most tokens of one input: OpenAI's texts say both 8,191 and 8,192.</summary>
    public const int MaxInput = 8_191;

    private static readonly string[] _cl100kModels = ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"];

    /// <param name="model">The provider's name of it; a deployment's or a router's may have more around the model's own.</param>
    public static TokenCounter Of(string model) =>
        Array.Exists(_cl100kModels, name => model.Contains(name, StringComparison.OrdinalIgnoreCase))
            ? Cl100kTokens.Counter
            : TokenEstimate.Counter;

    /// <summary>Part of the rule: texts that are counted otherwise are cut otherwise.</summary>
    public abstract string Name { get; }

    public abstract bool IsExact { get; }

    public abstract int Count(ReadOnlySpan<char> text);

    /// <param name="text">May be far longer than what is looked for: the time taken follows the tokens.</param>
    /// <param name="maxTokens">How many tokens the beginning may have.</param>
    /// <param name="tokens">How many it has.</param>
    /// <returns>
    /// Where the longest such beginning ends, between characters. Cut off there it may have a token more, as its last word is then another.
    /// </returns>
    public abstract int Reach(ReadOnlySpan<char> text, int maxTokens, out int tokens);

    /// <returns>The longest beginning of at most <paramref name="maxTokens"/>, without white space at its end.</returns>
    public InputText Cut(string text, int maxTokens = MaxInput)
    {
        var whole = new InputText(text, this);
        if (whole.MostTokens <= maxTokens)
        {
            return whole;
        }

        for (var aim = maxTokens; ; aim--)
        {
            var end = Reach(text, aim, out var tokens);
            var cut = end == text.Length ? new InputText(text, this, tokens) : new InputText(text[..end].TrimEnd(), this);
            if (cut.Tokens <= maxTokens)
            {
                return cut;
            }
        }
    }
}
