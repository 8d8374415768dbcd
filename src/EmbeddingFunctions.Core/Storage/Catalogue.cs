using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Looks declared names up in the database's own catalogue: only what exists there, quoted, ever reaches a statement.</summary>
internal sealed class Catalogue(NpgsqlDataSource database)
{
    // to_regclass would parse the name as SQL does; a declared name is compared as it stands instead.
    private const string FindColumns =
        """
        SELECT n.nspname, c.relname, c.relkind::text, a.attname, format_type(a.atttypid, -1), a.atttypmod,
               a.attnotnull AND EXISTS (
                   SELECT FROM pg_index i
                   WHERE  i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                   AND    i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
               a.attgenerated::text
        FROM   pg_class c
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        JOIN   pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE  c.relkind IN ('r', 'p', 'v', 'm')
        AND    (n.nspname || '.' || c.relname = ANY ($1)
                OR (c.relname = ANY ($1) AND pg_table_is_visible(c.oid)))
        ORDER  BY c.relname = ANY ($1), n.nspname, c.relname, a.attnum
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
                found.TryAdd(name, new FoundTable(schema, table, reader.GetString(2)[0], []));
                // A table "b" in the schema a, and one whose own name is "a.b": the former is meant.
                if (found[name].Schema == schema && found[name].Name == table)
                {
                    found[name].Columns[reader.GetString(3)] = new FoundColumn(reader.GetString(4), reader.GetInt32(5), reader.GetBoolean(6), reader.GetString(7));
                }
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

/// <param name="Type">What Postgres calls <c>relkind</c>.</param>
internal sealed record FoundTable(string Schema, string Name, char Type, Dictionary<string, FoundColumn> Columns)
{
    public string Quoted => $"{Sql.Identifier(Schema)}.{Sql.Identifier(Name)}";

    public bool IsTable => Type is 'r' or 'p';

    public bool IsPartitioned => Type == 'p';
}

/// <param name="Type">The type as SQL writes it, without length or precision, for example <c>uuid</c>.</param>
/// <param name="Modifier">For a vector, its dimensions; -1 if it has none.</param>
/// <param name="IsKey">Whether it alone tells a row from all others.</param>
/// <param name="Generated">What Postgres calls <c>attgenerated</c>.</param>
internal sealed record FoundColumn(string Type, int Modifier, bool IsKey, string Generated)
{
    /// <summary>Made of other columns by the database, after the triggers that run before a row is written: to them it is null.</summary>
    public bool IsGenerated => Generated != "";

    /// <summary>Made whenever it is read: no index holds it.</summary>
    public bool IsVirtual => Generated == "v";
}
