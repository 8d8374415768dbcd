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
    private const int Capacity = 8_192;

    // Batches render some fourteen statements each: one buffer a thread is a tenth of what a run allocates.
    [ThreadStatic]
    private static StringBuilder? _buffer;

    // Source text, statements, names and constants, values.
    private readonly List<object> _pieces;

    public SqlText(int literalLength, int formattedCount) => _pieces = new(literalLength == 0 ? formattedCount : (2 * formattedCount) + 1);

    /// <summary>For <see cref="Sql.When"/>.</summary>
    public SqlText(int literalLength, int formattedCount, bool condition, out bool isWanted)
        : this(literalLength, formattedCount) => isWanted = condition;

    private SqlText(object piece) => _pieces = [piece];

    public bool IsEmpty => _pieces.TrueForAll(piece => piece is SqlText { IsEmpty: true });

    internal static SqlText Verbatim(string text) => new(new VerbatimText(text));

    public void AppendLiteral(string text) => _pieces.Add(text);

    public void AppendFormatted(SqlText text) => _pieces.Add(text);

    /// <summary>A value with a type of its own, see <see cref="Sql.Value"/>; the same one twice is one parameter.</summary>
    public void AppendFormatted(SqlValue value) => _pieces.Add(value);

    /// <exception cref="InvalidOperationException">The hole is in quotes, where the database would see no parameter.</exception>
    public void AppendFormatted<T>(T value) => _pieces.Add(
        _pieces is [.., string before] && before.EndsWith('\'')
            ? throw new InvalidOperationException($"A parameter cannot stand in quotes: write {{Sql.Literal(…)}} after {before[..^1]}")
            : new SqlValue<T>(value));

    /// <summary>The statement's text, with parameters as $1, $2 …</summary>
    public override string ToString() => Render([]);

    /// <returns>The statement's text; the lines of a piece are indented as the line that it stands in.</returns>
    /// <param name="values">Gets the values of its parameters, in their order.</param>
    internal string Render(List<SqlValue> values)
    {
        var (sql, lineStart) = (_buffer ??= new StringBuilder(Capacity), 0);
        sql.Clear();
        Render(sql, values, margin: 0, ref lineStart);
        _buffer = sql.Length <= Capacity ? sql : null;
        return sql.ToString();
    }

    private void Render(StringBuilder sql, List<SqlValue> values, int margin, ref int lineStart)
    {
        foreach (var piece in _pieces)
        {
            switch (piece)
            {
                case string source:
                    AppendLines(sql, source, margin, ref lineStart);
                    break;
                case SqlText text:
                    text.Render(sql, values, Margin(sql, lineStart), ref lineStart);
                    break;
                case SqlValue value:
                    sql.Append('$').Append(NumberOf(value, values));
                    break;
                default:
                    sql.Append(piece);
                    break;
            }
        }
    }

    private static void AppendLines(StringBuilder sql, string source, int margin, ref int lineStart)
    {
        var rest = source.AsSpan();
        for (var end = rest.IndexOf('\n'); end >= 0; end = rest.IndexOf('\n'))
        {
            sql.Append(rest[..(end + 1)]);
            lineStart = sql.Length;
            sql.Append(' ', margin);
            rest = rest[(end + 1)..];
        }

        sql.Append(rest);
    }

    private static int Margin(StringBuilder sql, int lineStart)
    {
        var margin = 0;
        while (lineStart + margin < sql.Length && sql[lineStart + margin] == ' ')
        {
            margin++;
        }

        return margin;
    }

    private static int NumberOf(SqlValue value, List<SqlValue> values)
    {
        var place = 0;
        while (place < values.Count && !ReferenceEquals(values[place], value))
        {
            place++;
        }

        if (place == values.Count)
        {
            values.Add(value);
        }

        return place + 1;
    }

    public bool Equals(SqlText? other) => other is not null && _pieces.SequenceEqual(other._pieces);

    public override bool Equals(object? obj) => Equals(obj as SqlText);

    public override int GetHashCode() => _pieces.Aggregate(0, HashCode.Combine);

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
