using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tables;

/// <summary>What the first rows of a table show that its columns do not.</summary>
/// <param name="Distinct">Of a view or foreign table, the columns whose values are all there and differ.</param>
/// <param name="JsonKeys">By json column, the keys that have a text, the commonest first.</param>
internal sealed record TableSample(IReadOnlyCollection<string> Distinct, IReadOnlyDictionary<string, IReadOnlyList<string>> JsonKeys)
{
    private const int Rows = 1_000;

    private static SqlText FindDistinct(CatalogueTable table, IReadOnlyList<string> columns) =>
        $"""
        SELECT ARRAY[{Sql.Join(", ", columns.Select(column => Sql.Of($"count(*) = count(DISTINCT {Sql.Identifier(column)})")))}]::bool[]
        FROM   (SELECT {Sql.Join(", ", columns.Select(Sql.Identifier))} FROM {table.Quoted} LIMIT {Rows}) s
        """;

    private static SqlText FindKeys(CatalogueTable table, string column) =>
        $"""
        SELECT e.key
        FROM   (SELECT {Sql.Identifier(column)}::jsonb AS data FROM {table.Quoted} LIMIT {Rows}) s
        CROSS  JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(s.data) = 'object' THEN s.data ELSE '{Sql.Raw("{}")}' END) e
        WHERE  jsonb_typeof(e.value) = 'string' AND e.key <> '' AND e.key !~ '[{Sql.Raw("{}")}]'
        GROUP  BY e.key ORDER BY count(*) DESC, e.key
        """;

    /// <param name="database">The database.</param>
    /// <param name="table">The table, view or foreign table.</param>
    /// <param name="cancellation">Ends the queries.</param>
    /// <exception cref="PostgresException">The rows cannot be read.</exception>
    public static async Task<TableSample> Read(NpgsqlDataSource database, CatalogueTable table, CancellationToken cancellation)
    {
        var candidates = table.IsTable ? [] : TableProposal.KeyCandidates(table).ToList();
        var isDistinct = candidates.Count == 0 ? []
            : await database.ScalarAsync<bool[]>(FindDistinct(table, candidates), cancellation) ?? [];
        var keys = new Dictionary<string, IReadOnlyList<string>>();
        foreach (var column in TableProposal.JsonColumns(table))
        {
            keys[column] = await database.QueryAsync(FindKeys(table, column), row => row.GetString(0), cancellation);
        }

        return new TableSample(candidates.Zip(isDistinct).Where(pair => pair.Second).Select(pair => pair.First).ToList(), keys);
    }
}
