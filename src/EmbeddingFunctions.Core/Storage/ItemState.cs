namespace EmbeddingFunctions.Storage;

/// <summary>The decisions on a row's text, as its column of the state holds them; NULL: none yet.</summary>
internal static class ItemState
{
    /// <summary>The vector is of the text.</summary>
    public const string Embedded = "embedded";

    /// <summary>The text is blank: there is nothing to embed.</summary>
    public const string Empty = "empty";

    /// <summary>The text failed for good, see <c>embedding.failures</c>.</summary>
    public const string Failed = "failed";

    /// <summary>A person wants no vector of this text.</summary>
    public const string Ignored = "ignored";

    /// <summary>As the engine wrote its decision, a trigger of the table's owner changed the text.</summary>
    public const string Rewritten = "rewritten";

    private static readonly string[] _all = [Embedded, Empty, Failed, Ignored, Rewritten];

    /// <summary>A list for after <c>IN</c>.</summary>
    public static SqlText All => $"({Sql.Join(", ", _all.Select(state => Sql.Literal(state)))})";
}
