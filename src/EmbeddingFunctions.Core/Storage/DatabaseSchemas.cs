namespace EmbeddingFunctions.Storage;

/// <summary>The schemas of a database that statements name.</summary>
/// <param name="Engine">Of the engine's own tables.</param>
/// <param name="Queue">Of <c>embedding_queue</c> and what belongs to it.</param>
/// <param name="Vector">Of pgvector's types and operators.</param>
internal sealed record DatabaseSchemas(string Engine, string Queue, string Vector)
{
    public static readonly DatabaseSchemas Public = new("public", "public", "public");

    /// <summary>A table of the engine's as SQL writes it.</summary>
    public SqlText EngineTable(string name) => $"{Sql.Identifier(Engine)}.{Sql.Raw(name)}";

    public SqlText QueueTable(string name) => $"{Sql.Identifier(Queue)}.{Sql.Raw(name)}";

    public SqlText InVector(string name) => $"{Sql.Identifier(Vector)}.{Sql.Raw(name)}";
}
