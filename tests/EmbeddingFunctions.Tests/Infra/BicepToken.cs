namespace EmbeddingFunctions.Tests.Infra;

internal enum BicepTokenKind
{
    Name,
    Text,
    Number,
    Sign,
    LineEnd,
}

/// <param name="Text">A string's content, with <c>${}</c> where something is put in; what is put in follows as tokens of its own.</param>
internal sealed record BicepToken(BicepTokenKind Kind, string Text, int Line)
{
    /// <summary>How many brackets more are open behind it.</summary>
    public int Step => Kind != BicepTokenKind.Sign ? 0 : Text switch { "(" or "[" or "{" or "${" => 1, ")" or "]" or "}" => -1, _ => 0 };

    public bool IsSign(string sign) => Kind == BicepTokenKind.Sign && Text == sign;
}

internal static class BicepTokens
{
    public static bool IsAt(this IReadOnlyList<BicepToken> tokens, int i, string sign) =>
        i >= 0 && i < tokens.Count && tokens[i].IsSign(sign);

    /// <summary>Whether it is what stands behind a dot, or behind the <c>.?</c> that allows for null.</summary>
    public static bool IsMember(this IReadOnlyList<BicepToken> tokens, int i) =>
        tokens.IsAt(i - 1, ".") || (tokens.IsAt(i - 1, "?") && tokens.IsAt(i - 2, "."));

    // Not the middle of a ?:, which has a colon behind it too.
    public static bool IsKey(this IReadOnlyList<BicepToken> tokens, int i) =>
        tokens[i].Kind == BicepTokenKind.Name && tokens.IsAt(i + 1, ":") && i > 0
        && (tokens[i - 1].Kind == BicepTokenKind.LineEnd || tokens.IsAt(i - 1, "{") || tokens.IsAt(i - 1, ","));
}
