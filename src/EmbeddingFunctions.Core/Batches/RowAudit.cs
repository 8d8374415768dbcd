using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Reads a table's texts and holds their fingerprints against those that were decided on.</summary>
internal sealed class RowAudit(NpgsqlDataSource database) : IRowAudit
{
    private const int AtATime = 500;

    public Task<AuditedRows> Repair(ResolvedTable table, CancellationToken cancellation) => Look(table, isRepaired: true, cancellation);

    /// <summary>Finds rows whose text is not the one that was decided on, though nothing says so.</summary>
    public async Task<AuditedRows> Look(ResolvedTable table, bool isRepaired, CancellationToken cancellation)
    {
        var (found, refused, last) = (0L, 0L, (string?)null);
        while (await Page(table, last, cancellation) is { Count: > 0 } page)
        {
            var wrong = page.Where(row => row.Hash != ItemText.Of(row.Values, table).Hash).ToList();
            var (written, denied) = isRepaired
                ? await BisectingWrite.Write(wrong, some => MakePending(table, some, cancellation))
                : (wrong.Count, 0);
            (found, refused, last) = (found + written + denied, refused + denied, page[^1].Id);
        }

        return new AuditedRows(found, refused);
    }

    private Task<List<AuditedRow>> Page(ResolvedTable table, string? last, CancellationToken cancellation) =>
        database.QueryAsync(
            $"""
            SELECT {table.Id}::text, {table.Hash}, {Sql.Join(", ", table.TextColumns)}
            FROM   {table.Items} t
            WHERE  ({last} IS NULL OR {table.Id} OPERATOR(pg_catalog.>) {last}::{table.IdType})
            AND    {table.RuleId} = {Sql.Literal(table.Rule.Id)} AND {table.Hash} IS NOT NULL
            AND    {table.State} <> {Sql.Literal(ItemState.Rewritten)}{table.Filter} AND NOT {table.IsChanged}
            ORDER  BY {table.Id}
            LIMIT  {AtATime}
            """,
            row => new AuditedRow(row.GetString(0), row.GetString(1), row.Texts(2, table.Template.Columns.Count)), cancellation);

    private Task<int> MakePending(ResolvedTable table, IReadOnlyList<AuditedRow> rows, CancellationToken cancellation) =>
        database.ExecuteAsync(
            $"""
            UPDATE {table.Target} t SET {table.RuleName} = NULL
            FROM   unnest({rows.Select(row => row.Id).ToArray()}::text[], {rows.Select(row => row.Hash).ToArray()}::text[])
                   AS i (item_id, hash)
            WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType} AND {table.Hash} = i.hash
            AND    {Sql.MarkEngineWrite}{table.AndIsCurrent}
            """,
            cancellation);

    private sealed record AuditedRow(string Id, string Hash, IReadOnlyList<string?> Values);
}
