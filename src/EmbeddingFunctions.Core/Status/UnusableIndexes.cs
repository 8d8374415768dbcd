using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Finds vector indexes that searches cannot use, where no other index serves them.</summary>
internal sealed class UnusableIndexes(NpgsqlDataSource database)
{
    // One that is being built is invalid until it is done, and the engine's own are looked after by the inventory.
    private static SqlText Find(SqlText table) =>
        $"""
        SELECT c.relname::text, am.amname || ' ' || o.opcname, i.indisvalid, pg_catalog.pg_get_expr(i.indpred, i.indrelid),
               (SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]),
               pg_catalog.pg_get_indexdef(i.indexrelid, 1, false), pg_catalog.quote_ident(n.nspname)
        FROM   pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN   pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am am ON am.oid = c.relam
        JOIN   pg_catalog.pg_opclass o ON o.oid = i.indclass[0]
        WHERE  i.indrelid = pg_catalog.to_regclass({table.ToString()}) AND am.amname IN ('hnsw', 'ivfflat')
        AND    NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
        ORDER  BY c.relname
        """;

    /// <returns>A sentence for each table.</returns>
    public async Task<IReadOnlyList<string>> Of(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var findings = new List<string>();
        foreach (var table in corpus.Tables)
        {
            var (searched, column) = table.ChunkTable is { } chunks ? (chunks, "embedding") : (table.Target, table.VectorColumn);
            var wanted = $"hnsw {(corpus.Corpus.VectorType == Corpora.VectorType.Vector ? "vector" : "halfvec")}_cosine_ops";
            var indexes = (await database.QueryAsync(
                Find(searched),
                row => (Name: row.GetString(0), Fault: Fault(
                    row.GetString(1), wanted, row.GetBoolean(2), row.Text(3), row.Text(4) ?? row.GetString(5), column, row.IsDBNull(4)),
                    Schema: row.GetString(6)),
                cancellation)).ToList();
            if (indexes.Count > 0 && indexes.All(index => index.Fault is not null))
            {
                findings.Add(
                    $"no index serves searches of {table.Name} by meaning, so that they compare all of its vectors: "
                        + string.Join(", and ", indexes.Select(index => $"{index.Name} {index.Fault}")) + "; drop what nothing else uses ("
                        + string.Join("; ", indexes.Select(index => $"DROP INDEX {index.Schema}.{Sql.Identifier(index.Name)}"))
                        + $"), then run 'embeddings migrate {corpus.Corpus.DeclaredName}' and 'embeddings index "
                        + $"{corpus.Corpus.DeclaredName}'");
            }
        }

        return findings;
    }

    private static string? Fault(
        string made, string wanted, bool isValid, string? condition, string over, string column, bool isExpression) =>
        isExpression ? $"is over {over}, an expression that no search has"
        : over != column ? $"is over {over}, which is not the column of the live generation, {column}"
        : made != wanted ? $"is made for {made}, while searches need {wanted}"
        : condition is not null ? $"has only the rows where {condition}"
        : isValid ? null : "is invalid, because its building was interrupted";
}
