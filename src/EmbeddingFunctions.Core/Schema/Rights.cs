using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>What roles may do with a table, a view or a column, as statements that let them do the same with another.</summary>
internal static class Rights
{
    /// <returns>A query for an array of GRANT statements, those on columns of the same names included.</returns>
    /// <param name="from">Who has rights on it; both as SQL writes them.</param>
    /// <param name="to">What gets the same.</param>
    public static SqlText OfRelation(string from, string to) => Grants(
        from, to, Sql.Of($"c.relacl"), Sql.Of(
            $"""
            UNION ALL
            SELECT c.relowner, a.attacl, format(' (%I)', a.attname)
            FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            WHERE  c.oid = pg_catalog.to_regclass({from})
            """));

    /// <summary>The same of one column of a table.</summary>
    public static SqlText OfColumn(string table, string from, string to) => Grants(
        table, table,
        Sql.Of(
            $"""
            (SELECT a.attacl FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attname = {from} AND NOT a.attisdropped)
            """),
        Sql.Empty, $" ({Sql.Identifier(to)})");

    /// <returns>A query for an array of the statements that give a view of that name, made again, its rights and its owner.</returns>
    public static SqlText OfView(string view) =>
        $"""
        SELECT ({OfRelation(view, view)}) || ARRAY(
            SELECT format('ALTER VIEW %s OWNER TO %I', {view}::text, pg_catalog.pg_get_userbyid(c.relowner))
            FROM   pg_catalog.pg_class c
            WHERE  c.oid = pg_catalog.to_regclass({view}) AND pg_catalog.pg_get_userbyid(c.relowner) <> CURRENT_USER)
        """;

    /// <returns>Queries for what gives another generation the rights that roles have on one's columns and tables.</returns>
    public static IEnumerable<SqlText> OfGeneration(ResolvedCorpus from, ResolvedCorpus to) =>
        from one in @from.Tables
        let other = to.Tables.FirstOrDefault(table => table.Kind == one.Kind)
        where other is not null
        from grants in OfTable(@from, one, to, other)
        select grants;

    private static IEnumerable<SqlText> OfTable(ResolvedCorpus from, ResolvedTable one, ResolvedCorpus to, ResolvedTable other) =>
    [
        .. one.IsBeside ? [OfRelation(one.Target.ToString(), other.Target.ToString())]
            : PlacedGeneration.ColumnsOf(from.Corpus.TableOf(one.Kind)).Zip(
                PlacedGeneration.ColumnsOf(to.Corpus.TableOf(one.Kind)),
                (column, copy) => OfColumn(one.QuotedName, column, copy)),
        .. one.ChunkTable is { } chunks && other.ChunkTable is { } copied
            ? [OfRelation(chunks.ToString(), copied.ToString())] : Array.Empty<SqlText>(),
    ];

    private static SqlText Grants(string from, string to, SqlText acl, SqlText others, string column = "") =>
        $"""
        SELECT ARRAY(
            SELECT format(
                'GRANT %s%s ON %s TO %s%s', g.privilege_type, r.columns, {to}::text,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END,
                CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
            FROM  (SELECT c.relowner, {acl} AS acl, {column}::text AS columns FROM pg_catalog.pg_class c
                   WHERE  c.oid = pg_catalog.to_regclass({from})
                   {others}) r
            CROSS  JOIN LATERAL pg_catalog.aclexplode(r.acl) g
            WHERE  g.grantee <> r.relowner)
        """;
}
