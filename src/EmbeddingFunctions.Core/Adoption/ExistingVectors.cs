using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Adoption;

/// <summary>
/// Vectors of other programs for items of a corpus that have none yet: in the items' own table, LangChain's, or a pgai store.
/// </summary>
internal sealed class ExistingVectors(NpgsqlDataSource database)
{
    private const int CountedAtMost = 1_000_000;

    private readonly AdoptionRecords _records = new(database);

    /// <returns>A sentence for each column: how many there are, and how they are adopted.</returns>
    public async Task<IReadOnlyList<string>> Findings(
        ResolvedCorpus corpus, IReadOnlyList<string> kinds, CancellationToken cancellation)
    {
        var findings = new List<string>();
        foreach (var table in corpus.Tables.Where(table => kinds.Count == 0 || kinds.Contains(table.Kind)))
        {
            if (await IsWanted(corpus, table, cancellation))
            {
                findings.AddRange(await Findings(corpus, table, cancellation));
            }
        }

        return findings;
    }

    /// <summary>How many rows have a value in the column, in words.</summary>
    public static async Task<string> Count(NpgsqlDataSource database, SqlText table, string column, CancellationToken cancellation)
    {
        var count = await database.ScalarAsync<long>(
            $"SELECT count(*) FROM (SELECT FROM {table} WHERE {Sql.Identifier(column)} IS NOT NULL LIMIT {CountedAtMost}) found",
            cancellation, Sql.TimeoutOfCounts);
        return count == CountedAtMost ? $"{count:N0} or more" : $"{count:N0}";
    }

    // Only items that no run decided on can be given a vector that is there.
    private Task<bool> IsWanted(ResolvedCorpus corpus, ResolvedTable table, CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"SELECT EXISTS (SELECT FROM {table.Target} t WHERE {new AdoptableItems(database, corpus, table).Candidates})", cancellation,
        Sql.TimeoutOfCounts);

    private async Task<IEnumerable<string>> Findings(ResolvedCorpus corpus, ResolvedTable table, CancellationToken cancellation)
    {
        var adopted = (await _records.List(corpus.Corpus.Name, cancellation))
            .Where(record => record.Kind == table.Kind && record.FinishedAt is not null).Select(record => record.Source).ToHashSet();
        var findings = new List<string>();
        foreach (var found in await Find(corpus, table, cancellation))
        {
            var name = ColumnName.Of(found.Schema, found.Table, found.Column);
            var count = adopted.Contains(name) ? "0"
                : await Count(database, $"{Sql.Identifier(found.Schema)}.{Sql.Identifier(found.Table)}", found.Column, cancellation);
            if (count != "0")
            {
                findings.Add(
                    $"{count} vectors are there in {name}, made by another program: if they are of '{corpus.Model}', 'embeddings adopt "
                        + $"{corpus.Corpus.Name} --from {name} --model {corpus.Model}{Key(table, found)}{Kind(corpus, table)}' takes them "
                        + "over");
            }
        }

        return findings;
    }

    private static string Key(ResolvedTable table, Found found) =>
        table.KeyColumns.All(found.Columns.Contains) ? ""
        : found.Columns.Contains("custom_id") ? " --key custom_id"
        : string.Concat(table.KeyColumns.Select(key => $" --key \"cmetadata->>'{key}'\""));

    private static string Kind(ResolvedCorpus corpus, ResolvedTable table) => corpus.Tables.Count == 1 ? "" : $" --kind {table.Kind}";

    // By catalogue alone: columns of the corpus's width that no migration made and this role may read.
    private Task<List<Found>> Find(ResolvedCorpus corpus, ResolvedTable table, CancellationToken cancellation) => database.QueryAsync(
        $"""
        SELECT n.nspname::text, c.relname::text, a.attname::text,
               ARRAY(SELECT o.attname::text FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attnum > 0 AND NOT o.attisdropped)
        FROM   pg_attribute a
        JOIN   pg_type t ON t.oid = a.atttypid AND t.typname IN ('vector', 'halfvec')
        JOIN   pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        WHERE  NOT a.attisdropped AND a.atttypmod IN (-1, {corpus.Corpus.Dimensions})
        AND    has_column_privilege(c.oid, a.attnum, 'SELECT')
        AND    ((n.nspname = {table.Schema} AND c.relname = {table.Name})
                OR c.relname = 'langchain_pg_embedding'
                OR (n.nspname = {table.Schema} AND starts_with(c.relname::text, {table.Name} || '_')
                    AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'chunk_seq')))
        AND    NOT EXISTS (
            SELECT FROM embedding.objects o
            WHERE  o.is_made AND o.schema_name = n.nspname
            AND    (o.kind = 'Column' AND o.table_name = c.relname AND o.object_name = a.attname
                    OR o.kind = 'Table' AND o.object_name = c.relname))
        ORDER  BY 1, 2, 3
        """,
        row => new Found(row.GetString(0), row.GetString(1), row.GetString(2), row.GetFieldValue<string[]>(3)), cancellation);

    private sealed record Found(string Schema, string Table, string Column, IReadOnlyList<string> Columns);
}
