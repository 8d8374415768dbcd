using EmbeddingFunctions.Corpora;
using Npgsql;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// Asks Postgres for what the catalogue does not show: whether filters' values have their columns' types, partitions are comparable,
/// text search configurations exist, expressions are ones that it can rely on, and tables that a migration would take over are suitable.
/// </summary>
internal static class CorpusProbe
{
    /// <returns>What does not fit, with its place within the corpus's declaration.</returns>
    public static async Task<IReadOnlyList<DeclarationFault>> Faults(
        ResolvedCorpus corpus, NpgsqlDataSource database, Catalogue catalogue, CancellationToken cancellation)
    {
        var faults = new List<DeclarationFault>();
        for (var i = 0; i < corpus.Tables.Count; i++)
        {
            var table = corpus.Tables[i];
            DeclarationFault?[] found =
            [
                await Ask(
                    "", "its filter, partitions or textSearch do not fit",
                    () => database.ExecuteAsync(Statement(corpus, table), cancellation)),
                await Chunks(table, catalogue, cancellation),
                await Queue(table, database, catalogue, cancellation),
            ];
            var expressions = await ExpressionDdl.Faults(table, database, cancellation);
            faults.AddRange(
                found.OfType<DeclarationFault>().Concat(expressions)
                    .Select(fault => fault.Within(TableRules.PathOf(i), table.Kind)));
        }

        return [.. faults, .. await SimilarityCache(corpus, catalogue, cancellation)];
    }

    private static async Task<DeclarationFault?> Chunks(ResolvedTable table, Catalogue catalogue, CancellationToken cancellation) =>
        table.Chunks is null ? null : ChunkTableDdl.Fault(table, await ChunkTableDdl.Find(table, catalogue, cancellation));

    private static async Task<DeclarationFault?> Queue(
        ResolvedTable table, NpgsqlDataSource database, Catalogue catalogue, CancellationToken cancellation)
    {
        if (table.Queue == QueuedText.None)
        {
            return null;
        }

        var queue = (await catalogue.Find([QueueTable.Name], cancellation)).GetValueOrDefault(QueueTable.Name);
        return await Ask(
            "queue", $"the table {QueueTable.Name} cannot serve", () => QueueTable.Ensure(table, queue, database, cancellation));
    }

    private static async Task<IEnumerable<DeclarationFault>> SimilarityCache(
        ResolvedCorpus corpus, Catalogue catalogue, CancellationToken cancellation)
    {
        const string Name = "similarity_cache";
        var type = corpus.Tables[0].VectorType;
        return corpus.Corpus.SimilarityCache
            && (await catalogue.Find([Name], cancellation)).GetValueOrDefault(Name) is { } cache
            && (cache.Columns.GetValueOrDefault("embedding") is { } column ? CorpusResolver.VectorType(column) : "missing") is var found
                && found != type
            ? [
                new(
                    "similarityCache",
                    $"{Name}.embedding is {found}, the corpus says {type}: drop the table and migrate again, or correct the declaration")]
            : [];
    }

    private static async Task<DeclarationFault?> Ask(string property, string what, Func<Task> ask)
    {
        try
        {
            await ask();
            return null;
        }
        catch (DatabaseNotReadyException e)
        {
            return new(property, e.Message);
        }
        catch (PostgresException e) when (
            e.SqlState.StartsWith("22", StringComparison.Ordinal) || e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            return new(property, $"{what}: {e.MessageText} ({e.SqlState})");
        }
    }

    private static SqlText Statement(ResolvedCorpus corpus, ResolvedTable table)
    {
        var language = Sql.When(table.TextSearch is not null, $"{Sql.Literal(table.TextSearch!)}::regconfig");
        return Sql.Of($"SELECT {language} FROM {table.Table} t WHERE true {corpus.AndIsActive(table)}{table.DeclaredFilter} LIMIT 0");
    }
}
