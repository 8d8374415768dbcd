using System.Text.RegularExpressions;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Adoption;

/// <summary>A column as a person names it: <c>TABLE.COLUMN</c> or <c>SCHEMA.TABLE.COLUMN</c>, as it stands or in double quotes.</summary>
/// <param name="Table">With its schema, where that was named.</param>
internal sealed partial record ColumnName(string Table, string Column)
{
    /// <exception cref="InvalidCorpusException">It has another form.</exception>
    public static ColumnName Parse(string text)
    {
        if (text.Contains("://", StringComparison.Ordinal))
        {
            // The address may hold a password, and is not repeated.
            throw new InvalidCorpusException(
                "--from names a column, TABLE.COLUMN; the address of another database is given by --from-database.");
        }

        var parts = Whole().Match(text).Groups["part"].Captures.Select(part => Read(part.Value)).ToList();
        return parts.Count > 1
            ? new(string.Join('.', parts[..^1]), parts[^1])
            : throw new InvalidCorpusException(
                $"--from takes a column, TABLE.COLUMN or SCHEMA.TABLE.COLUMN, a name with a dot in double quotes, not '{text}'.");
    }

    /// <returns>A column's name as a person types it.</returns>
    public static string Of(params IEnumerable<string> parts) =>
        string.Join('.', parts.Select(part => part.IndexOfAny(['.', '"']) < 0 ? part : Sql.Identifier(part).ToString()));

    private static string Read(string part) =>
        part.StartsWith('"') ? part[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : part;

    [GeneratedRegex("""^(?<part>"(?:[^"]|"")+"|[^".]+)(?:\.(?<part>"(?:[^"]|"")+"|[^".]+)){1,2}\z""")]
    private static partial Regex Whole();
}
