using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>What was embedded, what that cost, and how long edits waited, over a day, a week or a month.</summary>
internal sealed class TrendReport(NpgsqlDataSource database, EmbeddingSettings settings, PriceTable prices)
{
    /// <summary>The days that a trend may be over, with the time between its points.</summary>
    public static readonly IReadOnlyDictionary<int, TimeSpan> Steps = new Dictionary<int, TimeSpan>
    {
        [1] = TimeSpan.FromMinutes(30),
        [7] = TimeSpan.FromHours(3),
        [30] = TimeSpan.FromHours(12),
    };

    /// <param name="corpora">Generations.</param>
    /// <param name="days">One of <see cref="Steps"/>.</param>
    /// <param name="cancellation">Ends the sums.</param>
    public async Task<Trend> Of(IReadOnlyList<Corpus> corpora, int days, CancellationToken cancellation)
    {
        var step = Steps[days];
        var names = corpora.Select(corpus => corpus.Name).ToArray();
        var since = await database.ScalarAsync<DateTime>(
            $"SELECT date_bin({step}, now(), '2000-01-01 00:00:00+00') - {TimeSpan.FromDays(days) - step}", cancellation);
        var points = Enumerable.Range(0, (int)(TimeSpan.FromDays(days) / step))
            .Select(i => new TrendPoint(new DateTimeOffset(since, TimeSpan.Zero) + (i * step))).ToDictionary(point => point.At);
        await AddBatches(points, corpora, names, since, step, cancellation);
        await AddRequests(points, names, since, step, cancellation);
        await AddLags(points, corpora, since, step, cancellation);
        return new Trend(points.Values.ToList(), step.TotalSeconds);
    }

    // What is committed meanwhile may be of a later step.
    private static void Change(Dictionary<DateTimeOffset, TrendPoint> points, DateTimeOffset at, Func<TrendPoint, TrendPoint> change)
    {
        if (points.TryGetValue(at, out var point))
        {
            points[at] = change(point);
        }
    }

    private async Task AddBatches(
        Dictionary<DateTimeOffset, TrendPoint> points, IReadOnlyList<Corpus> corpora, string[] names, DateTime since, TimeSpan step,
        CancellationToken cancellation)
    {
        var sums = await database.QueryAsync(
            RunQueries.SumByTime(names, since, step),
            row => (Corpus: row.GetString(0), At: row.GetFieldValue<DateTimeOffset>(1), Vectors: row.GetInt64(2), Saved: row.GetInt64(3)),
            cancellation, Sql.TimeoutOfCounts);
        foreach (var sum in sums)
        {
            var saved = prices.Of(settings.ModelFor(corpora.First(corpus => corpus.Name == sum.Corpus)), sum.Saved) ?? 0;
            Change(points, sum.At, point => point with { Vectors = point.Vectors + sum.Vectors, Saved = point.Saved + saved });
        }
    }

    private async Task AddRequests(
        Dictionary<DateTimeOffset, TrendPoint> points, string[] names, DateTime since, TimeSpan step, CancellationToken cancellation)
    {
        try
        {
            var sums = await database.QueryAsync(
                $"""
                SELECT date_bin({step}, sent_at, {since}), sum(tokens)::bigint, COALESCE(sum(dollars), 0)
                FROM   embedding.requests
                WHERE  sent_at >= {since} AND corpus = ANY ({names})
                GROUP  BY 1
                """,
                row => (At: row.GetFieldValue<DateTimeOffset>(0), Tokens: row.GetInt64(1), Dollars: row.GetDecimal(2)),
                cancellation, Sql.TimeoutOfCounts);
            sums.ForEach(sum => Change(points, sum.At, point => point with { Tokens = sum.Tokens, Dollars = sum.Dollars }));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new DatabaseNotReadyException("The database has no ledger yet: run 'embeddings migrate'.");
        }
    }

    private async Task AddLags(
        Dictionary<DateTimeOffset, TrendPoint> points, IReadOnlyList<Corpus> corpora, DateTime since, TimeSpan step,
        CancellationToken cancellation)
    {
        try
        {
            var counts = await database.QueryAsync(
                $"""
                SELECT date_bin({step}, minute, {since}), bucket, sum(items)::bigint, max(longest)
                FROM   embedding.lags
                WHERE  minute >= {since} AND corpus = ANY ({corpora.Select(corpus => corpus.DeclaredName).Distinct().ToArray()})
                GROUP  BY 1, 2
                """,
                row => (At: row.GetFieldValue<DateTimeOffset>(0),
                    Count: new LagCount(false, row.GetInt16(1), row.GetInt64(2), row.GetDouble(3))),
                cancellation, Sql.TimeoutOfCounts);
            foreach (var group in counts.GroupBy(count => count.At))
            {
                var lags = LagCount.Sum(group.Select(count => count.Count));
                Change(points, group.Key, point => point with { LagP50 = lags.P50, LagP95 = lags.P95 });
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A database of an earlier version has none.
        }
    }
}

/// <param name="Points">One for each step, the oldest first.</param>
/// <param name="Step">Seconds from a point to the next.</param>
internal sealed record Trend(IReadOnlyList<TrendPoint> Points, double Step);

/// <summary>A step of time.</summary>
/// <param name="At">Its beginning.</param>
internal sealed record TrendPoint(DateTimeOffset At)
{
    /// <summary>Written, be they paid for or from the cache.</summary>
    public long Vectors { get; init; }

    /// <summary>Billed.</summary>
    public long Tokens { get; init; }

    public decimal Dollars { get; init; }

    /// <summary>Dollars that texts from the cache would have cost, by estimate, at the model's price of today.</summary>
    public decimal Saved { get; init; }

    /// <summary>In seconds, by the time in which vectors were written; null: no edit waited.</summary>
    public double? LagP50 { get; init; }

    public double? LagP95 { get; init; }
}
