using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Costs;

/// <summary>What requests cost, as the ledger has it.</summary>
internal sealed class CostReport(NpgsqlDataSource database, EmbeddingSettings settings)
{
    /// <summary>How long a request is remembered.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(90);

    /// <summary>Sums requests since a moment.</summary>
    /// <exception cref="Corpora.DatabaseNotReadyException">The database was not migrated for the ledger.</exception>
    public async Task<CostSummary> Of(CostGroup by, DateTimeOffset since, CancellationToken cancellation)
    {
        var key = by switch
        {
            CostGroup.Day => Sql.Of($"to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
            CostGroup.Corpus => Sql.Of($"corpus"),
            CostGroup.Model => Sql.Of($"model"),
            _ => Sql.Of($"run_id::text"),
        };
        try
        {
            var groups = await database.QueryAsync(
                $"""
                SELECT {key}, count(*), sum(inputs)::bigint, sum(tokens)::bigint, COALESCE(sum(dollars), 0),
                       COALESCE(sum(tokens) FILTER (WHERE dollars IS NULL), 0)::bigint,
                       count(*) FILTER (WHERE outcome IS NULL OR outcome = 'unknown'),
                       COALESCE(sum(tokens) FILTER (WHERE outcome IS NULL OR outcome = 'unknown'), 0)::bigint,
                       count(*) FILTER (WHERE outcome IN ('refused', 'unreached')), min(sent_at)
                FROM   embedding.requests
                WHERE  sent_at >= {since.ToUniversalTime()}
                GROUP  BY 1
                ORDER  BY min(sent_at), 1
                """,
                row => new Cost(
                    row.Text(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetDecimal(4), row.GetInt64(5), row.GetInt64(6),
                    row.GetInt64(7), row.GetInt64(8)), cancellation, Sql.TimeoutOfCounts);
            return new CostSummary(since, groups, await Spent(cancellation));
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            throw new Corpora.DatabaseNotReadyException("The database has no ledger yet: run 'embeddings migrate'.");
        }
    }

    /// <returns>Billed tokens of runs, and what they cost; none of runs that sent nothing.</returns>
    public async Task<IReadOnlyDictionary<Guid, (long Tokens, decimal? Dollars)>> OfRuns(Guid[] runs, CancellationToken cancellation)
    {
        try
        {
            return (await database.QueryAsync(
                $"SELECT run_id, sum(tokens)::bigint, sum(dollars) FROM embedding.requests WHERE run_id = ANY ({runs}) GROUP BY 1",
                row => (Run: row.GetGuid(0), Tokens: row.GetInt64(1), Dollars: row.GetFieldValue<decimal?>(2)), cancellation))
                .ToDictionary(cost => cost.Run, cost => (cost.Tokens, cost.Dollars));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A database of an earlier version has no ledger.
            return new Dictionary<Guid, (long, decimal?)>();
        }
    }

    /// <summary>Whether caps let a run come to its end.</summary>
    /// <param name="dollars">What the run may cost; null: its model's price is not known.</param>
    /// <param name="ofRun">The run's own cap.</param>
    /// <param name="cancellation">Ends the look.</param>
    public async Task<IReadOnlyList<CapForecast>> Forecast(decimal? dollars, decimal? ofRun, CancellationToken cancellation)
    {
        var caps = Caps.Of(settings);
        var spent = caps.AreSet ? await Spent(cancellation) : new Spending(0, null, 0, null);
        return new[]
        {
            (Name: "EMBEDDING_MAX_DOLLARS_PER_DAY", Most: caps.Day, Spent: spent.Today),
            (Name: "EMBEDDING_MAX_DOLLARS_PER_MONTH", Most: caps.Month, Spent: spent.ThisMonth),
            (Name: "--max-cost", Most: ofRun, Spent: 0),
        }
        .Where(cap => cap.Most is not null)
        .Select(cap => new CapForecast(cap.Name, cap.Most!.Value, cap.Spent, cap.Spent + dollars <= cap.Most)).ToList();
    }

    /// <summary>Forgets some requests that are older than they are kept, and sums of days as old.</summary>
    /// <returns>How many requests.</returns>
    public async Task<int> Forget(int limit, CancellationToken cancellation)
    {
        try
        {
            await database.ExecuteAsync(
                $"DELETE FROM embedding.spending WHERE length(period) = 10 AND period < to_char(now() - {Kept}, 'YYYY-MM-DD')",
                cancellation);
            return await database.ExecuteAsync(
                $"""
                DELETE FROM embedding.requests
                WHERE  id IN (SELECT id FROM embedding.requests WHERE sent_at < now() - {Kept} LIMIT {limit} FOR UPDATE SKIP LOCKED)
                """, cancellation, Sql.TimeoutOfCounts);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A database of an earlier version has no ledger.
            return 0;
        }
    }

    /// <summary>Zeros, beside the caps.</summary>
    public Spending NothingSpent => new(0, settings.MaxDollarsPerDay, 0, settings.MaxDollarsPerMonth);

    /// <summary>Requests and tokens of the last minute.</summary>
    public async Task<(long Requests, long Tokens)> LastMinute(CancellationToken cancellation) => (await database.QueryAsync(
        $"SELECT count(*), COALESCE(sum(tokens), 0)::bigint FROM embedding.requests WHERE sent_at > now() - interval '1 minute'",
        row => (row.GetInt64(0), row.GetInt64(1)), cancellation)).Single();

    /// <returns>What is spent and reserved; zeros in a database of an earlier version.</returns>
    public async Task<Spending> Spent(CancellationToken cancellation)
    {
        try
        {
            return (await database.QueryAsync(
                $"""
                SELECT COALESCE(sum(dollars) FILTER (WHERE period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')), 0),
                       COALESCE(sum(dollars) FILTER (WHERE period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')), 0)
                FROM   embedding.spending
                """,
                row => new Spending(row.GetDecimal(0), settings.MaxDollarsPerDay, row.GetDecimal(1), settings.MaxDollarsPerMonth),
                cancellation)).Single();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return NothingSpent;
        }
    }
}

/// <summary>By what costs are summed.</summary>
internal enum CostGroup
{
    Day,
    Corpus,
    Model,
    Run,
}

/// <param name="Groups">The oldest first.</param>
/// <param name="Spending">Of today and this month, whatever the report is since.</param>
internal sealed record CostSummary(DateTimeOffset Since, IReadOnlyList<Cost> Groups, Spending Spending);

/// <param name="Key">The day, corpus, model or run; null: requests of no run or corpus.</param>
/// <param name="Tokens">Billed, those of requests with an unknown outcome included.</param>
/// <param name="UnpricedTokens">Of these, of models whose price is not known.</param>
/// <param name="Unknown">Requests whose outcome is not known; they count as spent.</param>
/// <param name="UnknownTokens">The tokens that these count.</param>
/// <param name="Refused">Requests that cost nothing: the provider said no, or was not reached.</param>
internal sealed record Cost(
    string? Key, long Requests, long Inputs, long Tokens, decimal Dollars, long UnpricedTokens, long Unknown, long UnknownTokens,
    long Refused);

/// <summary>Dollars spent and reserved, with the caps; null: no cap.</summary>
internal sealed record Spending(decimal Today, decimal? MaxPerDay, decimal ThisMonth, decimal? MaxPerMonth);

/// <param name="Cap">The setting or option.</param>
/// <param name="Dollars">The cap.</param>
/// <param name="Spent">Already, or reserved.</param>
/// <param name="Holds">Whether the run comes to its end within it; null: the price of the model is not known.</param>
internal sealed record CapForecast(string Cap, decimal Dollars, decimal Spent, bool? Holds);
