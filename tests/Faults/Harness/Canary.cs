using System.Text;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults;

/// <summary>Looks for a key where it must not be: as it is, encoded, and its beginning.</summary>
internal static class Canary
{
    // Its beginning is found by nothing else that a database or an output may hold.
    public const string Key = "cAnArY7f3a9c51e0+Key/b84d26=";

    private static readonly string[] _forms =
        [Key, Uri.EscapeDataString(Key), Convert.ToBase64String(Encoding.UTF8.GetBytes(Key)).TrimEnd('='), Key[..8]];

    public static bool IsIn(string text) => _forms.Any(form => text.Contains(form, StringComparison.OrdinalIgnoreCase));

    /// <returns>Each table that holds it.</returns>
    public static async Task<IReadOnlyList<string>> In(TestDatabase database)
    {
        var found = new List<string>();
        var tables = await database.Rows(
            """
            SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema || '.' END || table_name FROM information_schema.tables
            WHERE  table_schema IN ('public', 'embedding')
            """);
        foreach (var table in tables)
        {
            var rows = await database.Rows($"SELECT to_jsonb(t)::text FROM {table[0]} t");
            if (rows.Any(row => IsIn((string)row[0]!)))
            {
                found.Add((string)table[0]!);
            }
        }

        return found;
    }
}
