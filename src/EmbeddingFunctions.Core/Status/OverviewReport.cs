using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>
/// What is happening now, for any number of watchers: the figures of the moment are read once a second, and rows are counted again in the
/// background, the less often the longer it takes.
/// </summary>
internal sealed class OverviewReport
{
    private const int MaxOpenRuns = 20;

    // Of a database's time, a tenth at most goes into counting.
    private const int CountingShare = 10;

    private static readonly TimeSpan _life = TimeSpan.FromSeconds(0.9);
    private static readonly TimeSpan _shortestCountLife = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _longestCountLife = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(150);

    private static readonly TimeSpan _slack = TimeSpan.FromMinutes(2);

    private readonly NpgsqlDataSource _database;
    private readonly RunHistory _history;
    private readonly CostReport _costs;
    private readonly ProviderCheck _provider;
    private readonly CorpusSet _corpora;
    private readonly EmbeddingSettings _settings;
    private readonly EmbeddingWorker _worker;
    private readonly TimeProvider _time;
    private readonly SharedAnswer<Overview> _overview;
    private readonly SharedAnswer<(CorporaStatus? Status, string? Problem)> _counts;

    private HashSet<Guid> _open = [];

    public OverviewReport(
        NpgsqlDataSource database, RunHistory history, CostReport costs, ProviderCheck provider, CorpusSet corpora,
        EmbeddingSettings settings, EmbeddingWorker worker, StatusReport status, TimeProvider time)
    {
        (_database, _history, _costs, _provider) = (database, history, costs, provider);
        (_corpora, _settings, _worker, _time) = (corpora, settings, worker, time);
        _overview = new(Read, _ => _life, time);
        _counts = new(() => Count(status), CountLife, time);
    }

    /// <returns>What is happening, at most a second old.</returns>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public Task<Overview> Get(CancellationToken cancellation) => _overview.Get(cancellation);

    /// <returns>The counts as they were taken last; null: not yet, or the database is not ready.</returns>
    public async Task<CorporaStatus?> Counts(CancellationToken cancellation) => (await _counts.Latest(_patience, cancellation)).Status;

    private static TimeSpan CountLife(TimeSpan took) =>
        TimeSpan.FromTicks(Math.Clamp(took.Ticks * CountingShare, _shortestCountLife.Ticks, _longestCountLife.Ticks));

    private static async Task<(CorporaStatus?, string?)> Count(StatusReport status)
    {
        try
        {
            return (await status.OfAll(CancellationToken.None), null);
        }
        catch (CorpusException e)
        {
            return (null, e.Message);
        }
    }

    private async Task<Overview> Read()
    {
        var counted = await _counts.Latest(_patience, CancellationToken.None);
        var activity = new RunActivityNow(null, false, 0);
        var (rates, spending, runs) = (default((long Requests, long Tokens)), _costs.NothingSpent, (IReadOnlyList<RecordedRun>)[]);
        try
        {
            activity = (await _database.QueryAsync(RunQueries.Activity, row => new RunActivityNow(
                row.GetFieldValue<DateTimeOffset?>(0), row.GetBoolean(1), row.GetInt64(2)), CancellationToken.None)).Single();
            runs = await _history.WithCosts(await _history.Open(MaxOpenRuns, CancellationToken.None), CancellationToken.None);
            CountAfterRuns(runs);
            rates = await _costs.LastMinute(CancellationToken.None);
            spending = await _costs.Spent(CancellationToken.None);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Never migrated, or by an earlier version: there is nothing that could be shown.
        }

        var notMigrated = counted.Status?.NotMigrated
            ?? (counted.Problem is null ? [] : _corpora.Declared.Select(corpus => corpus.Name).ToList());
        return new Overview(
            new WorkerState(State(activity), activity.LastWorkedAt), runs,
            new RecentRates(
                activity.Vectors, rates.Requests, rates.Tokens, _settings.RequestsPerMinute, _settings.TokensPerMinute),
            await Providers(), spending, _settings.ProviderName, _settings.IsRemote, _settings.IsEnabled,
            counted.Problem is null ? counted.Status?.Corpora.Where(IsLive).Select(Small).ToList() : [], notMigrated, counted.Problem);
    }

    // What a run has done shows as soon as it is over.
    private void CountAfterRuns(IReadOnlyList<RecordedRun> runs)
    {
        var open = runs.Select(run => run.Id).ToHashSet();
        if (!_open.IsSubsetOf(open))
        {
            _counts.Expire();
        }

        _open = open;
    }

    private bool IsLive(CorpusStatus status) => _corpora.Find(Generation.CorpusOf(status.Corpus))?.Name == status.Corpus;

    private static CorpusOverview Small(CorpusStatus status) =>
        new(Generation.CorpusOf(status.Corpus), status.Kinds, status.PausedAt, status.OldestPending, status.Freshness);

    private string State(RunActivityNow activity)
    {
        if (activity.IsWorking)
        {
            return "working";
        }

        var now = _time.GetUtcNow();
        var due = Schedule.TryParse(_settings.Schedule)!.Last(now - _slack);
        return _worker.ExecuteTask is { IsCompleted: false } || activity.LastWorkedAt >= due ? "idle" : "absent";
    }

    private async Task<IReadOnlyList<ProviderStatus>> Providers()
    {
        var states = new List<ProviderStatus>();
        foreach (var corpus in _corpora.All.DistinctBy(_settings.ModelFor))
        {
            states.Add(await _provider.Status(corpus, CancellationToken.None));
        }

        return states;
    }

    private sealed record RunActivityNow(DateTimeOffset? LastWorkedAt, bool IsWorking, long Vectors);
}
