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
}
