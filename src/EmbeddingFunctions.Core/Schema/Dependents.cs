using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// What others built on the columns of a generation. Postgres has it follow a column whatever that is called, so after a flip it would
/// go on with the old vectors.
/// </summary>
internal static class Dependents
{
    private static SqlText JoinViews =>
        $"""
        LEFT   JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = d.objid
        LEFT   JOIN pg_catalog.pg_class v ON v.oid = w.ev_class
        """;

    /// <returns>
    /// A query for an array of statements, each of which makes a plain view again by the columns' names. They are to be asked for before
    /// the columns get other names, with no schema searched.
    /// </returns>
    public static SqlText Views(ResolvedCorpus corpus) => Find(
        corpus,
        $"""
        format('{Sql.Raw(Schema.Views.Create)} %s%s AS %s', v.oid::regclass, ' WITH (' || array_to_string(v.reloptions, ', ') || ')',
               pg_catalog.pg_get_viewdef(v.oid))
        """,
        JoinViews, $"v.relkind = 'v' AND NOT {IsOurs("View", Sql.Of($"v.relname"))}");

    /// <returns>A query for an array of all else, as a person reads it; without indexes, as searches are right without them.</returns>
    public static SqlText Others(ResolvedCorpus corpus) => Find(
        corpus,
        $"""
        CASE WHEN v.oid IS NULL THEN pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
             ELSE 'materialized view ' || v.oid::regclass END
        """,
        $"""
        {JoinViews}
        LEFT   JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
        LEFT   JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid
        """,
        $"""
        v.relkind IS DISTINCT FROM 'v' AND d.deptype <> 'i' AND d.classid <> 'pg_catalog.pg_type'::regclass
            AND (c.oid IS NULL OR c.relkind NOT IN ('i', 'I'))
            AND (k.oid IS NULL OR NOT ({IsOurs("Constraint", Sql.Of($"k.conname"))} OR {IsIn(Sql.Of($"k.conrelid"), Chunks(corpus))}))
            AND NOT (d.classid = 'pg_catalog.pg_policy'::regclass AND {IsIn(Sql.Of($"d.refobjid"), Chunks(corpus))})
        """);

    private static SqlText Find(ResolvedCorpus corpus, SqlText found, SqlText joins, SqlText condition) =>
        $"""
        SELECT ARRAY(
            SELECT DISTINCT {found}
            FROM   pg_catalog.pg_depend d
            LEFT   JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            {joins}
            WHERE  d.refclassid = 'pg_catalog.pg_class'::regclass
            AND   ({IsIn(Sql.Of($"d.refobjid"), Tables(corpus))} AND a.attname = ANY ({Columns(corpus)})
                   OR {IsIn(Sql.Of($"d.refobjid"), Chunks(corpus))})
            AND    {condition}
            ORDER  BY 1)
        """;

    private static SqlText IsIn(SqlText relation, string[] names) =>
        $"{relation} IN (SELECT pg_catalog.to_regclass(n) FROM pg_catalog.unnest({names}::text[]) n)";

    private static SqlText IsOurs(string kind, SqlText name) =>
        $"EXISTS (SELECT FROM embedding.objects o WHERE o.kind = {Sql.Literal(kind)} AND o.object_name = {name})";

    private static string[] Tables(ResolvedCorpus corpus) => corpus.Tables.Select(table => table.QuotedName).Distinct().ToArray();

    private static string[] Columns(ResolvedCorpus corpus) =>
        corpus.Corpus.Tables.SelectMany(PlacedGeneration.ColumnsOf).Distinct().ToArray();

    private static string[] Chunks(ResolvedCorpus corpus) =>
        corpus.Tables.Select(table => table.ChunkTable?.ToString()).OfType<string>().Distinct().ToArray();
}
