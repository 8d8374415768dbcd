using System.Runtime.CompilerServices;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// A statement or a piece of one, written as an interpolated string: a hole that is itself a <see cref="SqlText"/> is spliced in with its
/// parameters, every other value becomes a parameter. So no value can become part of a statement's text by accident.
/// </summary>
[InterpolatedStringHandler]
internal sealed class SqlText : IEquatable<SqlText>
{
    // Of each kind: source text as a string, text that was composed elsewhere, values.
    private readonly List<object> _pieces;

    public SqlText(int literalLength, int formattedCount) => _pieces = new(literalLength == 0 ? formattedCount : (2 * formattedCount) + 1);

    /// <summary>For <see cref="Sql.When"/>.</summary>
    public SqlText(int literalLength, int formattedCount, bool condition, out bool isWanted)
        : this(literalLength, formattedCount) => isWanted = condition;

    private SqlText(object piece) => _pieces = [piece];

    public bool IsEmpty => _pieces.Count == 0;

    internal static SqlText Verbatim(string text) => new(new VerbatimText(text));

    public void AppendLiteral(string text) => _pieces.Add(text);

    // The lines of a piece are indented as the line that it stands in, except those of names and constants.
    public void AppendFormatted(SqlText text)
    {
        var margin = text._pieces.Exists(piece => piece is string source && source.Contains('\n')) ? Margin() : "";
        _pieces.AddRange(margin == "" ? text._pieces
            : text._pieces.Select(piece => piece is string source ? source.Replace("\n", $"\n{margin}", StringComparison.Ordinal) : piece));
    }

    /// <summary>A value with a type of its own, see <see cref="Sql.Value"/>; the same one twice is one parameter.</summary>
    public void AppendFormatted(SqlValue value) => _pieces.Add(value);

    /// <exception cref="InvalidOperationException">The hole is in quotes, where the database would see no parameter.</exception>
    public void AppendFormatted<T>(T value) => _pieces.Add(
        _pieces is [.., string before] && before.EndsWith('\'')
            ? throw new InvalidOperationException($"A parameter cannot stand in quotes: write {{Sql.Literal(…)}} after {before[..^1]}")
            : new SqlValue<T>(value));

    /// <summary>The statement's text, with parameters as $1, $2 …</summary>
    public override string ToString() => Render([]);

    /// <returns>The statement's text.</returns>
    /// <param name="values">Gets the values of its parameters, in their order.</param>
    internal string Render(List<SqlValue> values)
    {
        var sql = new StringBuilder();
        foreach (var piece in _pieces)
        {
            if (piece is not SqlValue value)
            {
                sql.Append(piece);
                continue;
            }

            var place = values.FindIndex(known => ReferenceEquals(known, value));
            if (place < 0)
            {
                place = values.Count;
                values.Add(value);
            }

            sql.Append('$').Append(place + 1);
        }

        return sql.ToString();
    }

    public bool Equals(SqlText? other) => other is not null && _pieces.SequenceEqual(other._pieces);

    public override bool Equals(object? obj) => Equals(obj as SqlText);

    public override int GetHashCode() => _pieces.Aggregate(0, HashCode.Combine);

    private string Margin()
    {
        var source = _pieces.OfType<string>().LastOrDefault(piece => piece.Contains('\n')) ?? _pieces.FirstOrDefault() as string ?? "";
        var line = source.AsSpan(source.LastIndexOf('\n') + 1);
        return new string(' ', line.Length - line.TrimStart(' ').Length);
    }

    private sealed record VerbatimText(string Text)
    {
        public override string ToString() => Text;
    }
}

/// <summary>A value that a statement has as a parameter.</summary>
internal abstract record SqlValue
{
    /// <summary>A new one each time, as a parameter belongs to one command.</summary>
    public abstract NpgsqlParameter Parameter();
}

/// <param name="Type">For a type that does not follow from <typeparamref name="T"/>; a null is of the type of T too.</param>
internal sealed record SqlValue<T>(T Value, NpgsqlDbType? Type = null) : SqlValue
{
    public override NpgsqlParameter Parameter()
    {
        var parameter = new NpgsqlParameter<T> { TypedValue = Value };
        if (Type is { } type)
        {
            parameter.NpgsqlDbType = type;
        }

        return parameter;
    }
}
