using System.Collections.Concurrent;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Says how long edits waited for their vectors, and wait.</summary>
internal sealed class FreshnessReport(NpgsqlDataSource database, ResolvedCorpora corpora, SourceChanges changes, TimeProvider time)
{
    // A look at a long backlog takes a second.
    private static readonly TimeSpan _life = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, (Freshness? Freshness, long At)> _seen = new();

    /// <returns>The freshness, null in a database of an earlier version; and when the edit was that waits the longest.</returns>
    public async Task<(Freshness? Freshness, DateTimeOffset? Oldest)> Of(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        List<LagCount> counts;
        try
        {
            counts = await database.QueryAsync(
                $"""
                SELECT minute > now() - interval '1 hour', bucket, sum(items)::bigint, max(longest)
                FROM   embedding.lags
                WHERE  corpus = {corpus.Corpus.DeclaredName} AND minute > now() - interval '1 day'
                GROUP  BY 1, 2
                """,
                row => new LagCount(row.GetBoolean(0), row.GetInt16(1), row.GetInt64(2), row.GetDouble(3)), cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return (null, null);
        }

        var (waiting, oldest) = await Waiting(corpus, cancellation);
        var done = new RecentLags(LagCount.Sum(counts.Where(count => count.IsRecent)), LagCount.Sum(counts));
        var target = corpus.Corpus.MaxLag?.TotalSeconds;
        return (new Freshness(target, waiting.Max > target || done.Hour.P95 > target, done, waiting), oldest);
    }

    /// <returns>The same as it was within the last seconds.</returns>
    public async Task<Freshness?> Recent(string name, CancellationToken cancellation)
    {
        if (!_seen.TryGetValue(name, out var seen) || time.GetElapsedTime(seen.At) > _life)
        {
            var corpus = await corpora.Get(name, cancellation);
            await changes.Settle(corpus, cancellation);
            _seen[name] = seen = ((await Of(corpus, cancellation)).Freshness, time.GetTimestamp());
        }

        return seen.Freshness;
    }

    private async Task<(Lags Waiting, DateTimeOffset? Oldest)> Waiting(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var edits = Sql.Join("\nUNION ALL\n", corpus.Tables.Select(table => Sql.Of(
            $"""
            SELECT {EditTime.In(table.RuleId)} AS edited_at FROM {table.Target} t
            WHERE  {table.Pending} AND {EditTime.Is(table.RuleId)} {corpus.AndIsActive(table)}
            {Sql.When(table.LeftToBackfill is not null, $"AND ({table.LeftToBackfill!}) IS NOT TRUE")}
            """)));
        return (await database.QueryAsync(
            $"""
            SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY lag), percentile_disc(0.95) WITHIN GROUP (ORDER BY lag), max(lag),
                   min(edited_at)
            FROM  (SELECT edited_at, GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - edited_at))::double precision AS lag
                   FROM  ({edits}) e) w
            """,
            row => (
                new Lags(row.GetFieldValue<double?>(0), row.GetFieldValue<double?>(1), row.GetFieldValue<double?>(2)),
                row.GetFieldValue<DateTimeOffset?>(3)),
            cancellation, Sql.TimeoutOfCounts)).Single();
    }
}

/// <summary>Edits that waited about as long as one another.</summary>
internal sealed record LagCount(bool IsRecent, int Bucket, long Items, double Longest)
{
    public static Lags Sum(IEnumerable<LagCount> counts)
    {
        var buckets = counts.OrderBy(count => count.Bucket).ToList();
        if (buckets.Count == 0)
        {
            return Lags.None;
        }

        var (total, max) = (buckets.Sum(bucket => bucket.Items), buckets.Max(bucket => bucket.Longest));
        return new Lags(At(0.5), At(0.95), Math.Round(max, 3));

        double At(double share)
        {
            var rank = (long)Math.Ceiling(share * total);
            foreach (var bucket in buckets)
            {
                rank -= bucket.Items;
                if (rank <= 0)
                {
                    return Math.Round(Math.Min(LagStore.Longest(bucket.Bucket), max), 3);
                }
            }

            return Math.Round(max, 3);
        }
    }
}
