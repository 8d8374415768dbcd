namespace EmbeddingFunctions.Corpora;

/// <summary>How a table's rows are searched: by their words too, and which columns filters and results may have.</summary>
public sealed record TableSearch
{
    /// <summary>The column that results show as an item's title; none: the first of the text.</summary>
    public string? Title { get; init; }

    /// <summary>Postgres's text search configuration for the words; <c>simple</c> unless declared.</summary>
    public string? Language { get; init; }

    /// <summary>
    /// The column with a row's own language, such as <c>english</c> or <c>en</c>, in place of <see cref="Language"/>.
    /// </summary>
    public string? LanguageColumn { get; init; }

    /// <summary>
    /// The columns whose words are found, each with its weight, from A to D; none: those of the text, the first with A, the others with D.
    /// </summary>
    public IReadOnlyDictionary<string, TextWeight> Weights { get; init; } = new Dictionary<string, TextWeight>();

    /// <summary>Columns with names that no language splits well, such as ADR-031, a/b or NullReferenceException.</summary>
    public IReadOnlyList<string> Identifiers { get; init; } = [];

    /// <summary>Further columns that filters and results may have.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];
}

/// <summary>How much a word in a column counts.</summary>
public enum TextWeight
{
    /// <summary>The most.</summary>
    A,

    /// <summary>Four tenths of it.</summary>
    B,

    /// <summary>Two tenths.</summary>
    C,

    /// <summary>One tenth.</summary>
    D,
}
