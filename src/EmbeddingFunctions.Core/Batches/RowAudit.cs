using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Storage.Migrations;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Reads a table's texts and holds their fingerprints against those of the vectors.</summary>
internal sealed class RowAudit(NpgsqlDataSource database) : IRowAudit
{
    private const int AtATime = 500;

    public Task<AuditedRows> Repair(BoundTable table, CancellationToken cancellation) => Look(table, isRepaired: true, cancellation);

    /// <summary>Finds rows that pass for embedded, and are not as they are.</summary>
    public async Task<AuditedRows> Look(BoundTable table, bool isRepaired, CancellationToken cancellation)
    {
        var (found, refused, last) = (0L, 0L, (string?)null);
        while (await Page(table, last, cancellation) is { Count: > 0 } page)
        {
            var wrong = page.Where(row => !IsOf(row, table)).ToList();
            var (written, denied) = isRepaired
                ? await RowByRow.Write(wrong, some => MakePending(table, some, cancellation))
                : (wrong.Count, 0);
            (found, refused, last) = (found + written + denied, refused + denied, page[^1].Id);
        }

        return new AuditedRows(found, refused);
    }

    private static bool IsOf(AuditedRow row, BoundTable table)
    {
        var text = ItemText.Of(row.Values, table);
        return text.Parts.Count == 0 ? row.Hash == BoundTable.EmptyMark : row.Hash == text.Hash;
    }

    // Marks of failed and ignored items are of no vector.
    private async Task<List<AuditedRow>> Page(BoundTable table, string? last, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT {table.Id}::text, {table.Hash}, {string.Join(", ", table.TextColumns)}
            FROM   {table.Table} t
            WHERE  ($1 IS NULL OR {table.Id} OPERATOR(pg_catalog.>) $1::{table.IdType})
            AND    {table.RuleMark} = {Sql.Literal(table.Rule.Id)} AND (pg_catalog.length({table.Hash}) = 64 OR {table.Hash} =
                '{BoundTable.EmptyMark}'){table.Filter}
            ORDER  BY {table.Id}
            LIMIT  {AtATime}
            """);
        command.Parameters.Add(new() { Value = (object?)last ?? DBNull.Value, DataTypeName = "text" });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<AuditedRow>();
        while (await reader.ReadAsync(cancellation))
        {
            rows.Add(new(reader.GetString(0), reader.GetString(1),
                Enumerable.Range(2, table.Template.Columns.Count).Select(i => reader.IsDBNull(i) ? null : reader.GetString(i)).ToList()));
        }

        return rows;
    }

    private async Task<int> MakePending(BoundTable table, IReadOnlyList<AuditedRow> rows, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"""
            UPDATE {table.Table} t SET {table.RuleName} = NULL
            FROM   unnest($1::text[], $2::text[]) AS i (item_id, hash)
            WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType} AND {table.Hash} = i.hash AND {Sql.Writing}
            """);
        command.Parameters.Add(new() { Value = rows.Select(row => row.Id).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Hash).ToArray() });
        return await command.ExecuteNonQueryAsync(cancellation);
    }

    private sealed record AuditedRow(string Id, string Hash, IReadOnlyList<string?> Values);
}
