using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Storage;

/// <summary>Pieces of statements, and the few ways to make text of a name or a constant.</summary>
internal static class Sql
{
    /// <summary>For statements that count rows: tens of millions of them take minutes.</summary>
    public static readonly TimeSpan TimeoutOfCounts = TimeSpan.FromMinutes(10);

    /// <summary>For statements that take as long as they take.</summary>
    public static readonly TimeSpan NoTimeout = TimeSpan.Zero;

    public static readonly SqlText Empty = Of($"");

    /// <summary>Equality of Postgres's own types, whatever a search path holds: of varchar it is that of text.</summary>
    public static readonly SqlText Is = Of($"OPERATOR(pg_catalog.=)");

    /// <summary>The setting of a statement of the engine's that changes no text itself.</summary>
    public const string KeepsText = "embeddings.keeps_text";

    /// <summary>For functions: nothing in them is looked up in a schema where others may create.</summary>
    public const string SafePath = "SET search_path = pg_catalog, pg_temp";

    /// <summary>
    /// A condition that is always true, and marks its transaction as the engine's own: a trigger of the table's owner can leave such writes
    /// alone with <c>WHEN (current_setting('embeddings.writing', true) IS DISTINCT FROM 'on')</c>.
    /// </summary>
    public static readonly SqlText MarkEngineWrite = Of($"pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL");

    /// <summary>For where the compiler would take an interpolated string for a string.</summary>
    public static SqlText Of(SqlText text) => text;

    /// <summary>The text, or nothing; then its holes are not evaluated either.</summary>
    public static SqlText When(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] SqlText text) => text;

    public static SqlText Join(string separator, IEnumerable<SqlText> texts)
    {
        var joined = new SqlText(separator.Length, 0);
        foreach (var text in texts)
        {
            if (!joined.IsEmpty)
            {
                joined.AppendLiteral(separator);
            }

            joined.AppendFormatted(text);
        }

        return joined;
    }

    /// <summary>A value of a type that Npgsql would not choose, or that is one parameter wherever it stands in a statement.</summary>
    public static SqlValue Value<T>(T value, NpgsqlDbType? type = null) => new SqlValue<T>(value, type);

    public static SqlText Identifier(string name) => SqlText.Verbatim($"\"{name.Replace("\"", "\"\"")}\"");

    public static SqlText Literal(string value) => SqlText.Verbatim($"'{value.Replace("'", "''")}'");

    public static SqlText Literal(int value) => SqlText.Verbatim(value.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Text as it is, which was composed elsewhere: DDL, or a type's name as the catalogue has it.</summary>
    public static SqlText Raw(string text) => SqlText.Verbatim(text);

    /// <summary>An error's message, with its detail where it has one.</summary>
    public static string Reason(PostgresException e) => e.Detail is { Length: > 0 } detail ? $"{e.MessageText} ({detail})" : e.MessageText;
}
