using System.Security.Cryptography;
using System.Text;

namespace EmbeddingFunctions.Storage;

/// <summary>The names of the objects that a migration makes for a table.</summary>
internal static class ObjectNames
{
    // Postgres cuts longer names, two of which could then be one.
    private const int MaxNameBytes = 63;

    /// <param name="purpose">Begins the name.</param>
    /// <param name="table">Its table.</param>
    /// <param name="definition">Of an object that is another one when this changes.</param>
    public static string Name(string purpose, CatalogueTable table, string? definition = null)
    {
        var suffix = definition is null ? "" : "_" + Hash(definition);
        var name = $"{purpose}_{table.Name}{suffix}";
        return Encoding.UTF8.GetByteCount(name) <= MaxNameBytes ? name : $"{purpose}_{Hash(table.Name)}{suffix}";
    }

    /// <summary>A function as SQL writes it, in the schema of the table that it is made for.</summary>
    public static string Function(string purpose, CatalogueTable table) =>
        $"{Sql.Identifier(table.Schema)}.{Sql.Identifier(Name(purpose, table))}";

    /// <summary>The function that makes the declared text of a row.</summary>
    public static string TextFunction(CatalogueTable table) => Function("embedding_text", table);

    /// <summary>The function that works out queue rows' status from their claims and items; it takes the items' ids.</summary>
    public static string SettleFunction(CatalogueTable table) => Function("embedding_queue_settle", table);

    /// <summary>A name with an ending, of which Postgres cuts nothing.</summary>
    public static string Ending(string name, string ending) =>
        $"{(Encoding.UTF8.GetByteCount(name + ending) <= MaxNameBytes ? name : $"embedding_{Hash(name)}")}{ending}";

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
}
