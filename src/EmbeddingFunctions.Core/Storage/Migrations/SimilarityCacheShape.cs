namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The table <c>similarity_cache</c>, with the functions that people call.</summary>
internal static class SimilarityCacheShape
{
    public const string Name = "similarity_cache";

    private static readonly string[] _functions = ["increment_cache_access(uuid)", "cleanup_expired_cache()", "get_cache_statistics()"];

    public static IEnumerable<Part> Parts(BoundCorpus corpus)
    {
        var schemas = corpus.Tables[0].Schemas;
        var statements = Migration.Read("similarity_cache.sql").TrimEnd()
            .Replace("{schema}", Sql.Identifier(schemas.Engine).ToString(), StringComparison.Ordinal)
            .Replace("{vector_type}", corpus.Tables[0].VectorColumnType.ToString(), StringComparison.Ordinal)
            .Replace("{partition_type}", corpus.PartitionType.ToString(), StringComparison.Ordinal)
            .Split("\n\n");
        yield return new(PartKind.Table, schemas.Engine, "", Name, statements[0]);
        for (var i = 0; i < _functions.Length; i++)
        {
            yield return new(PartKind.Function, schemas.Engine, "", schemas.EngineTable(_functions[i]).ToString(), statements[i + 1]);
        }
    }
}
