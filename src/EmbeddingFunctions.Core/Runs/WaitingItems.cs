using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Items that failed, are not dead, and wait for their next attempt: a run leaves them alone.</summary>
internal sealed class WaitingItems
{
    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;

    public WaitingItems(NpgsqlDataSource database, ResolvedCorpora corpora) => (_database, _corpora) = (database, corpora);

    /// <returns>How many of a request's scope wait, and until when the first of them does.</returns>
    public async Task<(int Items, DateTimeOffset? Until)> Of(RunRequest request, CancellationToken cancellation)
    {
        var (items, until) = (0, (DateTimeOffset?)null);
        var corpus = await _corpora.Get(request.Corpus, cancellation);
        foreach (var table in PagePlanner.InScope(corpus, request))
        {
            var (waiting, first) = (await _database.QueryAsync(
                $"SELECT count(*)::int, min(c.retry_at) {Waiting(table, request)}",
                row => (row.GetInt32(0), row.GetFieldValue<DateTimeOffset?>(1)), cancellation, Sql.TimeoutOfCounts)).Single();
            (items, until) = (items + waiting, until is null || first < until ? first : until);
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
            items += await _database.ExecuteAsync(
                $"""
                UPDATE embedding.claims SET retry_at = NULL
                WHERE  corpus = {request.Corpus} AND kind = {table.Kind} AND leased_until IS NULL
                AND    item_id IN (SELECT c.item_id {Waiting(table, request)})
                """,
                cancellation, Sql.TimeoutOfCounts);
        }

        return items;
    }

    // One that was edited since waits for nothing.
    private static SqlText Waiting(ResolvedTable table, RunRequest request) =>
        $"""
        FROM   embedding.claims c
        JOIN   {table.Target} t ON {table.Id} = c.item_id::{table.IdType}
        WHERE  c.corpus = {request.Corpus} AND c.kind = {table.Kind} AND c.reason IS NOT NULL
        AND    c.retry_at > now() AND COALESCE(c.version = {table.Version}, true)
        AND    ({request.Partition}::text IS NULL OR {table.Partition}::text = {request.Partition})
               {table.Filter}{table.Selected(request.Selection)}
        """;
}
