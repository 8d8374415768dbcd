using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Items that failed, are not dead, and wait for their next attempt: a run leaves them alone.</summary>
public sealed class WaitingItems
{
    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _corpora;

    internal WaitingItems(NpgsqlDataSource database, BoundCorpora corpora) => (_database, _corpora) = (database, corpora);

    /// <returns>How many of a request's scope wait, and until when the first of them does.</returns>
    public async Task<(int Items, DateTimeOffset? Until)> Of(RunRequest request, CancellationToken cancellation)
    {
        var (items, until) = (0, (DateTimeOffset?)null);
        var corpus = await _corpora.Get(request.Corpus, cancellation);
        foreach (var table in PagePlanner.InScope(corpus, request))
        {
            await using var command = Command($"SELECT count(*)::int, min(c.retry_at) {Waiting(table, request)}", table, request);
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            items += reader.GetInt32(0);
            if (!reader.IsDBNull(1))
            {
                var first = reader.GetFieldValue<DateTimeOffset>(1);
                until = until < first ? until : first;
            }
        }

        return (items, until);
    }

    /// <summary>Lets those of a request's scope be tried by the next run, with the attempts that they have left.</summary>
    /// <returns>How many.</returns>
    public async Task<int> EndWait(RunRequest request, CancellationToken cancellation)
    {
        var items = 0;
        var corpus = await _corpora.Get(request.Corpus, cancellation);
        foreach (var table in PagePlanner.InScope(corpus, request))
        {
            await using var command = Command(
                $"""
                UPDATE embedding_claims SET retry_at = NULL
                WHERE  corpus = $1 AND kind = $2 AND leased_until IS NULL AND item_id IN (SELECT c.item_id {Waiting(table, request)})
                """, table, request);
            items += await command.ExecuteNonQueryAsync(cancellation);
        }

        return items;
    }

    // One that was edited since waits for nothing.
    private static string Waiting(BoundTable table, RunRequest request) =>
        $"""
        FROM   embedding_claims c
        JOIN   {table.Table} t ON {table.Id} = c.item_id::{table.IdType}
        WHERE  c.corpus = $1 AND c.kind = $2 AND c.retry_at > now() AND COALESCE(c.version = {table.Version}, true)
        AND    ($3::text IS NULL OR {table.Partition}::text = $3){table.Filter}{table.Selected(request.Selection, "$4")}
        """;

    private NpgsqlCommand Command(string sql, BoundTable table, RunRequest request)
    {
        var command = _database.CreateCommand(sql);
        foreach (
            var value in new[]
            {
                request.Corpus,
                table.Kind,
                (object?)request.Partition ?? DBNull.Value,
                Selection.Values(request.Selection)
            })
        {
            command.Parameters.Add(new() { Value = value });
        }

        return command;
    }
}
