using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Alerts;

/// <summary>
/// Counts now and then how large a share of a corpus's items has a vector of the present text. It has fallen when it is lower by a
/// twentieth of all items than at some count of the last day.
/// </summary>
internal sealed class CoverageWatch(NpgsqlDataSource database, StatusReport status)
{
    private const double Fall = 0.05;

    // A count looks at all rows.
    private static readonly TimeSpan _every = TimeSpan.FromMinutes(15);

    /// <returns>What is wrong, or null.</returns>
    public async Task<string?> Examine(string name, CancellationToken cancellation)
    {
        var isCounted = await database.ScalarAsync<bool>(
            $"SELECT EXISTS (SELECT FROM embedding.coverage WHERE corpus = {name} AND counted_at > now() - {_every})", cancellation);
        if (!isCounted)
        {
            var kinds = (await status.Of(name, cancellation)).Kinds;
            var (items, embedded) = (kinds.Sum(kind => kind.Total - kind.Empty), kinds.Sum(kind => kind.Embedded));
            await database.ExecuteAsync(
                $"""
                WITH forgotten AS (DELETE FROM embedding.coverage WHERE counted_at < now() - interval '2 days')
                INSERT INTO embedding.coverage (corpus, share) VALUES ({name}, {(items == 0 ? 1 : (double)embedded / items)})
                """, cancellation);
        }

        var (now, best) = (await database.QueryAsync(
            $"""
            SELECT (SELECT share FROM embedding.coverage WHERE corpus = {name} ORDER BY counted_at DESC LIMIT 1), max(share)
            FROM   embedding.coverage
            WHERE  corpus = {name} AND counted_at > now() - interval '1 day'
            """,
            row => (row.GetDouble(0), row.GetDouble(1)), cancellation)).Single();
        return now < best - Fall
            ? FormattableString.Invariant(
                $"The coverage of '{name}' has fallen: {100 * now:0.0} % of its items have a vector of their text, and {100 * best:0.0} % ")
                + "had within the last day."
            : null;
    }
}
