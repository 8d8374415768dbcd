using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Corpora;

/// <summary>
/// Keeps the rows whose column meets the condition, of which it has one; a range has two. Values are as Postgres reads them from text.
/// </summary>
public sealed record ColumnFilter
{
    /// <summary>The column's name.</summary>
    public required string Column { get; init; }

    /// <summary>Keeps rows with this value.</summary>
    public string? EqualTo { get; init; }

    /// <summary>Keeps rows with one of these values.</summary>
    public IReadOnlyList<string>? In { get; init; }

    /// <summary>Keeps rows with another value than this one, and those without a value.</summary>
    public string? Not { get; init; }

    /// <summary>Keeps rows with a smaller value.</summary>
    [JsonPropertyName("<")]
    public string? LessThan { get; init; }

    /// <summary>Keeps rows with a greater value.</summary>
    [JsonPropertyName(">")]
    public string? GreaterThan { get; init; }

    /// <summary>True keeps rows without a value, false those with one.</summary>
    public bool? IsNull { get; init; }

    /// <summary>The conditions that are declared, by their properties.</summary>
    internal IEnumerable<string> Declared =>
        new (string Property, object? Value)[]
        {
            ("equalTo", EqualTo), ("in", In), ("not", Not), ("<", LessThan), (">", GreaterThan), ("isNull", IsNull),
        }.Where(condition => condition.Value is not null).Select(condition => condition.Property);

    /// <summary>Whether no row can meet both.</summary>
    internal bool Excludes(ColumnFilter other) => Column == other.Column && (
        (Values is { } mine && other.Values is { } theirs && !mine.Intersect(theirs).Any())
        || (IsNull is { } isNull && other.IsNull == !isNull)
        || KeepsOnlyWhatIsNot(other) || other.KeepsOnlyWhatIsNot(this)
        || (IsNull == true && other.NeedsValue) || (other.IsNull == true && NeedsValue));

    private IEnumerable<string>? Values => EqualTo is { } one ? [one] : In;

    private bool NeedsValue => Values is not null || LessThan is not null || GreaterThan is not null;

    private bool KeepsOnlyWhatIsNot(ColumnFilter other) =>
        other.Not is { } left && Values is { } values && values.All(value => value == left);
}
