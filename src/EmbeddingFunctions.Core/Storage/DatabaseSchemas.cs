namespace EmbeddingFunctions.Storage;

/// <summary>The schemas of a database that statements name.</summary>
/// <param name="Application">Of the views and tables that applications read beside their own.</param>
/// <param name="Queue">Of <c>embedding_queue</c> and what belongs to it.</param>
/// <param name="Vector">Of pgvector's types and operators.</param>
internal sealed record DatabaseSchemas(string Application, string Queue, string Vector)
{
    /// <summary>The table with a copy of every vector, among the application's.</summary>
    public const string SimilarityCache = "similarity_cache";

    public static readonly DatabaseSchemas Public = new("public", "public", "public");

    /// <summary>Of pg_trgm, where it is or may be created; else null.</summary>
    public string? Trigrams { get; init; }

    public SqlText InApplication(string name) => $"{Sql.Identifier(Application)}.{Sql.Raw(name)}";

    /// <summary>A declared name with its schema, which is that of the applications where none is declared.</summary>
    public (string Schema, string Name) Of(string declared) =>
        declared.Split('.', 2) is [var schema, var name] ? (schema, name) : (Application, declared);

    public SqlText QueueTable(string name) => $"{Sql.Identifier(Queue)}.{Sql.Raw(name)}";

    public SqlText InVector(string name) => $"{Sql.Identifier(Vector)}.{Sql.Raw(name)}";
}
