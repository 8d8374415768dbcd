using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Reads a table's rows and finds those whose vector is not what their text and rule call for, though nothing says so. What is found is
/// made pending, never stamped as right.
/// </summary>
internal sealed class RowAudit(NpgsqlDataSource database) : IRowAudit
{
    private const int AtATime = 500;
    private const int NormsRead = 1_000;

    // As single precision and a provider's rounding leave it.
    private const double Tolerance = 0.01;

    public Task<AuditedRows> Repair(ResolvedTable table, CancellationToken cancellation) => Look(table, isRepaired: true, cancellation);

    /// <summary>Finds rows of which a run would think that they need nothing.</summary>
    public async Task<AuditedRows> Look(ResolvedTable table, bool isRepaired, CancellationToken cancellation)
    {
        var problem = Problem(table, await AreOfUnitLength(table, cancellation));
        var problems = Enum.GetValues<RowProblem>().ToDictionary(each => each, _ => 0L);
        var (refused, last) = (0L, (string?)null);
        while (await Page(table, problem, last, cancellation) is { Count: > 0 } page)
        {
            var wrong = page.Select(row => row.Problem is null && row.Hash != ItemText.Of(row.Values, table).Hash
                ? row with { Problem = RowProblem.OtherText } : row).Where(row => row.Problem is not null).ToList();
            foreach (var row in wrong)
            {
                problems[row.Problem!.Value]++;
            }

            if (isRepaired)
            {
                refused += (await BisectingWrite.Write(wrong, some => MakePending(table, some, cancellation))).Refused;
            }

            last = page[^1].Id;
        }

        return new AuditedRows(problems.Values.Sum(), refused) { Problems = problems };
    }

    // The same words find and decide what is repaired. A row that is pending anyway is not found.
    private static SqlText Problem(ResolvedTable table, bool areOfUnitLength)
    {
        SqlText Is(RowProblem problem) => Sql.Literal(problem.ToString());
        var norm = Norm(table);
        return
            $"""
            CASE WHEN {table.Vector} IS NULL THEN CASE WHEN {table.State} = {Sql.Literal(ItemState.Embedded)} THEN {Is(RowProblem.NoVector)}
                                                  END
                 WHEN {table.Model} IS NULL OR {table.State} <> {Sql.Literal(ItemState.Embedded)} THEN {Is(RowProblem.NoProvenance)}
                 WHEN {table.Schemas.InVector("vector_dims")}({table.Vector}) <> {Sql.Literal(table.Rule.Dimensions)}
                 THEN {Is(RowProblem.OtherWidth)}
                 WHEN {norm} = 0 OR {norm} IN ('NaN', 'Infinity') THEN {Is(RowProblem.Unusable)}
                 {Sql.When(areOfUnitLength, $"WHEN abs({norm} - 1) > {Tolerance} THEN {Is(RowProblem.OtherLength)}")}
            END
            """;
    }

    private static SqlText Norm(ResolvedTable table)
    {
        var name = table.VectorType.StartsWith("half", StringComparison.Ordinal) ? "l2_norm" : "vector_norm";
        return $"{table.Schemas.InVector(name)}({table.Vector})";
    }

    // Not every model makes vectors of length 1; of one that does, another length is a fault.
    private async Task<bool> AreOfUnitLength(ResolvedTable table, CancellationToken cancellation) =>
        await database.ScalarAsync<double?>(
            $"""
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY norm)
            FROM   (SELECT {Norm(table)} AS norm FROM {table.Target} t WHERE {table.Vector} IS NOT NULL LIMIT {NormsRead}) sampled
            """,
            cancellation, Sql.TimeoutOfCounts) is { } median && Math.Abs(median - 1) < Tolerance;

    private Task<List<AuditedRow>> Page(ResolvedTable table, SqlText problem, string? last, CancellationToken cancellation) =>
        database.QueryAsync(
            $"""
            SELECT {table.Id}::text, {table.Hash}, {problem}, {Sql.Join(", ", table.TextColumns)}
            FROM   {table.Items} t
            WHERE  ({last} IS NULL OR {table.Id} OPERATOR(pg_catalog.>) {last}::{table.IdType})
            AND    {table.RuleId} = {Sql.Literal(table.Rule.Id)} AND {table.Hash} IS NOT NULL
            AND    {table.State} <> {Sql.Literal(ItemState.Rewritten)}{table.Filter} AND NOT {table.IsChanged}
            ORDER  BY {table.Id}
            LIMIT  {AtATime}
            """,
            row => new AuditedRow(
                row.GetString(0), row.GetString(1), row.Text(2) is { } found ? Enum.Parse<RowProblem>(found) : null,
                row.Texts(3, table.Template.Columns.Count)), cancellation);

    // A vector that is itself at fault must not pass for unchanged, as its text is the same.
    private Task<int> MakePending(ResolvedTable table, IReadOnlyList<AuditedRow> rows, CancellationToken cancellation) =>
        database.ExecuteAsync(
            $"""
            UPDATE {table.Target} t
            SET    {table.RuleName} = NULL, {table.HashName} = CASE WHEN i.is_other_text THEN {table.Hash} END,
                   {table.StateName} = CASE WHEN i.is_other_text THEN {table.State} END
            FROM   unnest({rows.Select(row => row.Id).ToArray()}::text[], {rows.Select(row => row.Hash).ToArray()}::text[],
                          {rows.Select(row => row.Problem == RowProblem.OtherText).ToArray()}::boolean[])
                   AS i (item_id, hash, is_other_text)
            WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType} AND {table.Hash} = i.hash
            AND    {Sql.MarkEngineWrite}{table.AndIsCurrent}
            """,
            cancellation);

    private sealed record AuditedRow(string Id, string Hash, RowProblem? Problem, IReadOnlyList<string?> Values);
}
