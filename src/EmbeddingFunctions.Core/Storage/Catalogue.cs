using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Looks declared names up in the database's own catalogue: only what exists there, quoted, ever reaches a statement.</summary>
internal sealed class Catalogue(NpgsqlDataSource database)
{
    // to_regclass would parse the name as SQL does; a declared name is compared as it stands instead.
    private static SqlText FindColumns(string[] names) =>
        $"""
        SELECT n.nspname, c.relname, c.relkind::text, a.attname,
               CASE WHEN t.typname IN ('vector', 'halfvec') THEN t.typname::text ELSE format_type(a.atttypid, -1) END, a.atttypmod,
               a.attnotnull AND EXISTS (
                   SELECT FROM pg_index i
                   WHERE  i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                   AND    i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
               a.attgenerated::text,
               CASE WHEN tn.nspname = 'pg_catalog' THEN format_type(a.atttypid, -1) ELSE quote_ident(tn.nspname) || '.' ||
                   quote_ident(t.typname) END,
               COALESCE((SELECT quote_ident(ons.nspname) FROM pg_opclass k
                         JOIN pg_amop am ON am.amopfamily = k.opcfamily AND am.amoplefttype = k.opcintype AND am.amoprighttype = k.opcintype
                             AND am.amopstrategy = 3
                         JOIN pg_operator op ON op.oid = am.amopopr JOIN pg_namespace ons ON ons.oid = op.oprnamespace
                         WHERE k.opcintype = t.oid AND k.opcdefault AND k.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')),
                             'pg_catalog'),
               EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid),
               COALESCE((SELECT ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(l.collname) FROM pg_collation l
                         JOIN pg_namespace cn ON cn.oid = l.collnamespace WHERE l.oid = a.attcollation AND l.oid <> t.typcollation), ''),
               ARRAY(SELECT (SELECT string_agg(k.attname, chr(1) ORDER BY k.attname) FROM pg_attribute k
                             WHERE k.attrelid = c.oid AND k.attnum = ANY (i.indkey) HAVING bool_and(k.attnotnull))
                     FROM pg_index i
                     WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                     AND   i.indnkeyatts = i.indnatts)
        FROM   pg_class c
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        JOIN   pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN   pg_type t ON t.oid = a.atttypid
        JOIN   pg_namespace tn ON tn.oid = t.typnamespace
        WHERE  c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND    (n.nspname || '.' || c.relname = ANY ({names})
                OR (c.relname = ANY ({names}) AND pg_table_is_visible(c.oid)))
        ORDER  BY c.relname = ANY ({names}), n.nspname, c.relname, a.attnum
        """;

    private static SqlText FindSchemas =>
        $"""
        SELECT COALESCE(current_schema(), 'public')::text, min(n.nspname)::text,
               COALESCE((SELECT v.nspname FROM pg_extension e JOIN pg_namespace v ON v.oid = e.extnamespace WHERE e.extname = 'vector'),
                   current_schema(), 'public')::text,
               COALESCE(
                   (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'),
                   (SELECT COALESCE(current_schema(), 'public') FROM pg_available_extension_versions a JOIN pg_roles r
                        ON r.rolname = CURRENT_USER
                    WHERE  a.name = 'pg_trgm' AND has_database_privilege(current_database(), 'CREATE') AND (a.trusted OR r.rolsuper)
                    LIMIT  1))::text
        FROM   pg_class c
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        WHERE  c.relname = 'embedding_queue' AND pg_table_is_visible(c.oid)
        """;

    /// <returns>The tables that exist of those named, by the name that was asked for.</returns>
    public async Task<IReadOnlyDictionary<string, CatalogueTable>> Find(IEnumerable<string> names, CancellationToken cancellation)
    {
        var asked = names.Distinct().ToArray();
        var found = new Dictionary<string, CatalogueTable>();
        var columns = await database.QueryAsync(
            FindColumns(asked),
            row => (
                Table: new CatalogueTable(row.GetString(0), row.GetString(1), row.GetString(2)[0], [])
                {
                    HasParent = row.GetBoolean(10),
                    Keys = row.GetFieldValue<string?[]>(12).OfType<string>().Select(key => key.Split('\u0001')).ToList(),
                },
                Name: row.GetString(3),
                Column: new CatalogueColumn(row.GetString(4), row.GetInt32(5), row.GetBoolean(6), row.GetString(7))
                {
                    SqlType = Sql.Raw(row.GetString(8)),
                    OperatorSchema = row.GetString(9),
                    Collation = row.GetString(11),
                }),
            cancellation);
        foreach (var (table, column, type) in columns)
        {
            foreach (var name in asked.Where(name => name == table.Name || name == $"{table.Schema}.{table.Name}"))
            {
                found.TryAdd(name, table);
                // A table "b" in the schema a, and one whose own name is "a.b": the former is meant.
                if ((found[name].Schema, found[name].Name) == (table.Schema, table.Name))
                {
                    found[name].Columns[column] = type;
                }
            }
        }

        return found;
    }

    /// <summary>Where objects that applications read, the queue and pgvector are or, before a migration, will be made.</summary>
    public async Task<DatabaseSchemas> Schemas(CancellationToken cancellation)
    {
        var recorded = await ApplicationSchema(cancellation);
        var (current, queue, vector, trigrams) = (await database.QueryAsync(
            FindSchemas, row => (row.GetString(0), row.Text(1), row.GetString(2), row.Text(3)), cancellation)).Single();
        var application = recorded ?? current;
        return new DatabaseSchemas(application, queue ?? application, vector) { Trigrams = trigrams };
    }

    private async Task<string?> ApplicationSchema(CancellationToken cancellation)
    {
        try
        {
            return await database.ScalarAsync<string>($"SELECT application_schema FROM embedding.installation", cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.InsufficientPrivilege)
        {
            // Never migrated, or not for this role: the schema's version says so where it matters.
            return null;
        }
    }

    /// <summary>All tables that a corpus names, those that list its partitions included.</summary>
    public static IEnumerable<string> TablesOf(Corpus corpus)
    {
        var partitions = new[] { corpus.Partitions?.Table, corpus.Partitions?.Owner?.Table };
        return corpus.Tables.Select(t => t.Table).Concat(partitions.OfType<string>()).Distinct();
    }
}

/// <param name="Type">What Postgres calls <c>relkind</c>.</param>
internal sealed record CatalogueTable(string Schema, string Name, char Type, Dictionary<string, CatalogueColumn> Columns)
{
    public SqlText Quoted => $"{Sql.Identifier(Schema)}.{Sql.Identifier(Name)}";

    /// <summary>
    /// The columns that a name in a declared text reads: the one of the name, those of an expression, or the one that a path leads into.
    /// </summary>
    public IEnumerable<string> ColumnsOf(CorpusTable table, string name) =>
        Columns.ContainsKey(name) ? [name]
        : table.Expressions?.GetValueOrDefault(name) is { } expression ? SqlExpression.Names(expression).Where(Columns.ContainsKey)
        : [JsonPath.Of(name)?.Column ?? name];

    public bool IsTable => Type is 'r' or 'p';

    public bool IsPartitioned => Type == 'p';

    /// <summary>Whether it is a partition of, or inherits from, a table by whose name its rows may be written too.</summary>
    public bool HasParent { get; init; }

    /// <summary>Its keys of any number of columns, in the order of their names: unique, and without NULL.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Keys { get; init; } = [];

    public bool IsKey(IReadOnlyList<string> columns) => columns is [var only] ? Columns[only].IsKey
        : Keys.Any(key => key.Order(StringComparer.Ordinal).SequenceEqual(columns.Order(StringComparer.Ordinal)));

    /// <summary>In words.</summary>
    public string KindInWords => Type switch { 'f' => "foreign table", 'm' => "materialized view", 'v' => "view", _ => "table" };
}

/// <param name="Type">The type as SQL writes it, without length or precision, for example <c>uuid</c>.</param>
/// <param name="Modifier">For a vector, its dimensions; -1 if it has none.</param>
/// <param name="IsKey">Whether it alone tells a row from all others.</param>
/// <param name="Generated">What Postgres calls <c>attgenerated</c>.</param>
internal sealed record CatalogueColumn(string Type, int Modifier, bool IsKey, string Generated)
{
    /// <summary>The type with its schema, where that is not Postgres's own.</summary>
    public SqlText SqlType { get; init; } = Sql.Raw(Type);

    /// <summary>A clause for the column's collation, where that is not its type's; else empty.</summary>
    public string Collation { get; init; } = "";

    /// <summary>The type for a column that takes the same values and compares them alike.</summary>
    public SqlText Definition => $"{SqlType}{Sql.Raw(Collation)}";

    /// <summary>Where the type's operators of comparison are, quoted.</summary>
    public string OperatorSchema { get; init; } = "pg_catalog";

    /// <summary>The operator by which two values are the same.</summary>
    public SqlText Is => Operator("=");

    /// <summary>An operator of comparison, whatever a search path holds.</summary>
    public SqlText Operator(string name) => Sql.Raw($"OPERATOR({OperatorSchema}.{name})");

    /// <summary>Made of other columns by the database, after the triggers that run before a row is written: to them it is null.</summary>
    public bool IsGenerated => Generated != "";

    /// <summary>Made whenever it is read: no index holds it.</summary>
    public bool IsVirtual => Generated == "v";
}
