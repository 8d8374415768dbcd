using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>What the catalogue cannot tell of a declaration, Postgres does: whether filters' values are of their columns' types, partitions comparable, languages there.</summary>
internal static class CorpusProbe
{
    /// <returns>What does not fit, with its place within the corpus's declaration.</returns>
    public static async Task<IReadOnlyList<DeclarationFault>> Faults(BoundCorpus corpus, NpgsqlDataSource database, CancellationToken cancellation)
    {
        var faults = new List<DeclarationFault>();
        for (var i = 0; i < corpus.Tables.Count; i++)
        {
            try
            {
                await using var command = database.CreateCommand(Statement(corpus, corpus.Tables[i]));
                await command.ExecuteNonQueryAsync(cancellation);
            }
            catch (PostgresException e) when (e.SqlState.StartsWith("22", StringComparison.Ordinal) || e.SqlState.StartsWith("42", StringComparison.Ordinal))
            {
                faults.Add(new DeclarationFault("", $"its filter, partitions or textSearch do not fit: {e.MessageText} ({e.SqlState})").Within(TableRules.PathOf(i), corpus.Tables[i].Kind));
            }
        }

        return faults;
    }

    private static string Statement(BoundCorpus corpus, BoundTable table)
    {
        var active = corpus.ActivePartitions is null ? "true" : $"{table.Partition} IN ({corpus.ActivePartitions})";
        var language = table.TextSearch is null ? "" : $"{Sql.Literal(table.TextSearch)}::regconfig";
        return $"SELECT {language} FROM {table.Table} t WHERE {active}{table.Filter} LIMIT 0";
    }
}
