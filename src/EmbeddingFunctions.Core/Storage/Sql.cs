using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Quoting, for the few places where a name or a constant must stand in a statement's text.</summary>
internal static class Sql
{
    /// <summary>In seconds, for statements that count rows: tens of millions of them take minutes.</summary>
    public const int PatienceOfCounts = 600;

    /// <summary>Equality of Postgres's own types, whatever a search path holds: of varchar it is that of text.</summary>
    public const string Is = "OPERATOR(pg_catalog.=)";

    /// <summary>For functions: nothing in them is looked up in a schema where others may create.</summary>
    public const string SafePath = "SET search_path = pg_catalog, pg_temp";

    /// <summary>
    /// A condition that is always true, and marks its transaction as the engine's own: a trigger of the table's owner can leave such writes
    /// alone
    /// with <c>WHEN (current_setting('embeddings.writing', true) IS DISTINCT FROM 'on')</c>.
    /// </summary>
    public const string Writing = "pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL";

    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"")}\"";

    /// <summary>An error's message, with its detail where it has one.</summary>
    public static string Reason(PostgresException e) => e.Detail is { Length: > 0 } detail ? $"{e.MessageText} ({detail})" : e.MessageText;

    public static string Literal(string value) => $"'{value.Replace("'", "''")}'";
}
