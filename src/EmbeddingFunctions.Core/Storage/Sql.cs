namespace EmbeddingFunctions.Storage;

/// <summary>Quoting, for the few places where a name or a constant must stand in a statement's text.</summary>
internal static class Sql
{
    /// <summary>In seconds, for statements that count rows: tens of millions of them take minutes.</summary>
    public const int PatienceOfCounts = 600;

    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"")}\"";

    public static string Literal(string value) => $"'{value.Replace("'", "''")}'";
}
