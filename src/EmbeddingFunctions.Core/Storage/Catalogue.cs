using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Looks declared names up in the database's own catalogue: only what exists there, quoted, ever reaches a statement.</summary>
internal sealed class Catalogue(NpgsqlDataSource database)
{
    // to_regclass would parse the name as SQL does; a declared name is compared as it stands instead.
    private const string FindColumns =
        """
        SELECT n.nspname, c.relname, a.attname,
               format_type(a.atttypid, CASE WHEN a.attname = 'embedding' THEN -1 ELSE a.atttypmod END),
               a.atttypmod
        FROM   pg_class c
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        JOIN   pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE  c.relkind IN ('r', 'p', 'v', 'm')
        AND    (n.nspname || '.' || c.relname = ANY ($1)
                OR (c.relname = ANY ($1) AND pg_table_is_visible(c.oid)))
        ORDER  BY n.nspname, c.relname, a.attnum
        """;

    /// <returns>The tables that exist of those named, by the name that was asked for.</returns>
    public async Task<IReadOnlyDictionary<string, FoundTable>> Find(IEnumerable<string> names, CancellationToken cancellation)
    {
        var asked = names.Distinct().ToArray();
        var found = new Dictionary<string, FoundTable>();
        await using var command = database.CreateCommand(FindColumns);
        command.Parameters.Add(new() { Value = asked });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var (schema, table) = (reader.GetString(0), reader.GetString(1));
            foreach (var name in asked.Where(name => name == table || name == $"{schema}.{table}"))
            {
                found.TryAdd(name, new FoundTable(schema, table, []));
                found[name].Columns[reader.GetString(2)] = new FoundColumn(reader.GetString(3), reader.GetInt32(4));
            }
        }

        return found;
    }

    /// <summary>All tables that a corpus names, those that list its partitions included.</summary>
    public static IEnumerable<string> TablesOf(Corpus corpus)
    {
        var partitions = new[] { corpus.Partitions?.Table, corpus.Partitions?.Owner?.Table };
        return corpus.Tables.Select(t => t.Table).Concat(partitions.OfType<string>()).Distinct();
    }
}

internal sealed record FoundTable(string Schema, string Name, Dictionary<string, FoundColumn> Columns)
{
    public string Quoted => $"{Sql.Identifier(Schema)}.{Sql.Identifier(Name)}";
}

/// <param name="Type">The type as SQL writes it, for example <c>uuid</c>.</param>
/// <param name="Modifier">For a vector, its dimensions; -1 if it has none.</param>
internal sealed record FoundColumn(string Type, int Modifier);
