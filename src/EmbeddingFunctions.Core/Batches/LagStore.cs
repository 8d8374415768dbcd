using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Counts how long edits waited for their vectors, by the minute and in some hundred sizes, so that the table stays small whatever is
/// embedded. What cannot be counted keeps no vector from being written.
/// </summary>
internal sealed class LagStore(NpgsqlDataSource database, DatabaseOutages outages)
{
    /// <summary>How long counts are kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(31);

    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(5);

    private const string Work = "the count of lags";

    private const double Shortest = 0.1;
    private const int PerOctave = 4;
    private const int Last = 120;

    /// <summary>The longest lag of a bucket in seconds: a fifth more than that of the bucket before.</summary>
    public static double Longest(int bucket) => Shortest * Math.Pow(2, (double)bucket / PerOctave);

    public static int BucketOf(double seconds) =>
        seconds <= Shortest ? 0 : Math.Min(Last, (int)Math.Ceiling((PerOctave * Math.Log2(seconds / Shortest)) - 1e-9));

    /// <param name="corpus">A generation that searches do not read is not counted.</param>
    /// <param name="lags">In seconds.</param>
    public async Task Record(Corpus corpus, IReadOnlyList<double> lags)
    {
        if (lags.Count == 0 || corpus.Generation is { IsLive: false })
        {
            return;
        }

        var buckets = lags.GroupBy(BucketOf).OrderBy(bucket => bucket.Key).ToList();
        try
        {
            // Not cancelled: the vectors are written. The last ones need not survive a crash of the server: a batch does not wait for the
            // disk once more.
            await database.ExecuteAsync(
                $"""
                INSERT INTO embedding.lags AS l (corpus, minute, bucket, items, longest)
                SELECT {corpus.DeclaredName}, date_trunc('minute', clock_timestamp()), i.bucket, i.items, i.longest
                FROM   unnest(
                           {buckets.Select(bucket => (short)bucket.Key).ToArray()},
                           {buckets.Select(bucket => bucket.LongCount()).ToArray()},
                           {buckets.Select(bucket => bucket.Max()).ToArray()}) AS i (bucket, items, longest)
                WHERE  set_config('synchronous_commit', 'off', true) IS NOT NULL
                ORDER  BY i.bucket
                ON CONFLICT (corpus, minute, bucket) DO UPDATE
                SET    items = l.items + EXCLUDED.items, longest = GREATEST(l.longest, EXCLUDED.longest)
                """, CancellationToken.None, _timeout);
            outages.Answered(Work);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            outages.Failed(Work, e);
        }
    }

    /// <summary>Forgets what is older than it is kept.</summary>
    public async Task Forget(CancellationToken cancellation)
    {
        try
        {
            await database.ExecuteAsync(
                $"DELETE FROM embedding.lags WHERE minute < now() - {Kept}", cancellation, Sql.TimeoutOfCounts);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A database of an earlier version has none.
        }
    }
}
