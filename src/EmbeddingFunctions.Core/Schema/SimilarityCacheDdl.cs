using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The table <c>similarity_cache</c>, with the functions that people call.</summary>
internal static class SimilarityCacheDdl
{
    private static readonly string[] _functions = ["increment_cache_access(uuid)", "cleanup_expired_cache()", "get_cache_statistics()"];

    public static IEnumerable<SchemaObject> Objects(ResolvedCorpus corpus)
    {
        var schema = ("schema", Sql.Identifier(corpus.Schemas.Application));
        yield return new(
            ObjectKind.Table, corpus.Schemas.Application, "", DatabaseSchemas.SimilarityCache,
            SqlScript.Read(
                "objects/similarity_cache.sql", schema, ("partition_type", corpus.PartitionType),
                ("vector_type", corpus.Tables[0].VectorColumnType)));
        foreach (var function in _functions)
        {
            yield return new(
                ObjectKind.Function, corpus.Schemas.Application, "", corpus.Schemas.InApplication(function).ToString(),
                SqlScript.Read($"objects/{function.Split('(')[0]}.sql", schema));
        }
    }

    /// <summary>Statements that empty it for vectors of another generation.</summary>
    public static IEnumerable<string> Empty(ResolvedCorpus from, ResolvedCorpus to)
    {
        var (table, type) = (Table(to), to.Tables[0].VectorColumnType);
        return from.Tables[0].VectorType == to.Tables[0].VectorType ? [$"TRUNCATE {table}"]
            : [$"TRUNCATE {table}", $"ALTER TABLE {table} ALTER COLUMN embedding TYPE {type}"];
    }

    /// <summary>For <see cref="TablePage"/>: the vectors that there are. A row that is being written is waited for.</summary>
    public static string Fill(ResolvedCorpus corpus, ResolvedTable table) =>
        $"""
        cached AS (
            INSERT INTO {Table(corpus)} (repository_id, item_type, item_id, embedding, content_hash)
            SELECT {table.Partition}, {Sql.Literal(table.Kind)}, {table.Id}::text, {table.Vector}, {table.Hash}
            FROM   {table.Target} t JOIN page ON {TablePage.Has(table, "t.")}
            WHERE  {table.State} = {Sql.Literal(ItemState.Embedded)} AND {table.Vector} IS NOT NULL AND {table.Hash} IS NOT NULL
                   {corpus.AndIsActive(table)}{table.Filter}
            FOR    SHARE OF t
            ON CONFLICT DO NOTHING
        )
        """;

    public static SqlText Table(ResolvedCorpus corpus) => corpus.Schemas.InApplication(DatabaseSchemas.SimilarityCache);
}
