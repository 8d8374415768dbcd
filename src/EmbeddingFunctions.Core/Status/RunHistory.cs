using System.ComponentModel.DataAnnotations;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Runs as the database has them: those that go on by what their batches have committed so far.</summary>
internal sealed class RunHistory
{
    private readonly NpgsqlDataSource _database;
    private readonly RunQueries _runs;
    private readonly CorpusSet _corpora;
    private readonly EmbeddingSettings _settings;
    private readonly PriceTable _prices;
    private readonly CostReport _costs;

    public RunHistory(
        NpgsqlDataSource database, RunQueries runs, CorpusSet corpora, EmbeddingSettings settings, PriceTable prices,
        CostReport costs) =>
        (_database, _runs, _corpora, _settings, _prices, _costs) = (database, runs, corpora, settings, prices, costs);

    /// <returns>The run and what its batches did, or null.</returns>
    public async Task<RunDetail?> Find(Guid id, CancellationToken cancellation)
    {
        if ((await _database.QueryAsync(RunQueries.FindInHistory(id), Read, cancellation)).SingleOrDefault() is not { } run)
        {
            return null;
        }

        var counts = await _runs.Sum(id, cancellation);
        var model = _corpora.All.FirstOrDefault(corpus => corpus.Name == run.Corpus) is { } declared
            ? _settings.ModelFor(declared)
            : _settings.Model;
        return new RunDetail(run, counts, _prices.Of(model, counts.Tokens, run.IsHalfPrice), _prices.Of(model, counts.SavedTokens));
    }

    /// <summary>The newest runs first.</summary>
    /// <param name="corpus">Only of this corpus.</param>
    /// <param name="status">Only those that stand so.</param>
    /// <param name="limit">The largest number of runs.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <param name="hasWork">Whether scheduled runs that found nothing to do are left out.</param>
    /// <param name="before">Only runs older than this one.</param>
    public async Task<IReadOnlyList<RecordedRun>> List(
        string? corpus, string? status, int limit, CancellationToken cancellation, bool hasWork = false, Guid? before = null) =>
        await _database.QueryAsync(RunQueries.FindHistory(corpus, status, limit, hasWork, before), Read, cancellation);

    /// <summary>Those that are open, the oldest first.</summary>
    public async Task<IReadOnlyList<RecordedRun>> Open(int limit, CancellationToken cancellation) =>
        await _database.QueryAsync(RunQueries.FindOpenHistory(limit), Read, cancellation);

    /// <returns>The same runs, with what they have cost so far.</returns>
    public async Task<IReadOnlyList<RecordedRun>> WithCosts(IReadOnlyList<RecordedRun> runs, CancellationToken cancellation)
    {
        var costs = await _costs.OfRuns(runs.Select(run => run.Id).ToArray(), cancellation);
        return runs.Select(run => costs.TryGetValue(run.Id, out var cost)
            ? run with { Tokens = cost.Tokens, Dollars = cost.Dollars } : run).ToList();
    }

    private static RecordedRun Read(NpgsqlDataReader row)
    {
        DateTimeOffset? Time(int i) => row.GetFieldValue<DateTimeOffset?>(i);
        return new(
            row.GetGuid(0), row.GetString(1), row.Text(2), row.GetFieldValue<string[]>(3), row.GetFieldValue<int?>(4), row.GetBoolean(5),
            row.GetString(6), row.GetString(7), row.GetInt32(8), row.GetInt32(9), row.GetInt32(10), row.Text(11), row.GetBoolean(12),
            Time(13)!.Value, Time(14), Time(15), Time(16), Time(17));
    }
}

/// <summary>A run as it stands.</summary>
/// <param name="RepositoryId">The partition it is confined to.</param>
/// <param name="ItemTypes">The kinds it is confined to; empty: all.</param>
/// <param name="Host">Who carries it: command, server, functions or batch: the provider's batch lane.</param>
/// <param name="Status">pending, processing, completed, failed, cancelled or cap_reached.</param>
/// <param name="ItemsProcessed">Items whose rows are settled: with a vector, or known to need none.</param>
/// <param name="DueAt">The scheduled moment that it serves.</param>
/// <param name="StartsAt">Its start slot.</param>
public sealed record RecordedRun(
    Guid Id, string Corpus, string? RepositoryId, IReadOnlyList<string> ItemTypes, int? Limit, bool ForceRegenerate,
    [property: AllowedValues("command", "server", "functions", "batch")] string Host, [property: RunStatusName] string Status,
    int ItemsTotal, int ItemsProcessed, int ItemsFailed, string? Error, bool CancelRequested,
    DateTimeOffset CreatedAt, DateTimeOffset? DueAt, DateTimeOffset? StartsAt, DateTimeOffset? StartedAt, DateTimeOffset? CompletedAt)
{
    /// <summary>Billed for it by the ledger's account; null: not asked for, or nothing was sent.</summary>
    public long? Tokens { get; init; }

    /// <summary>What these cost; null for a model whose price is not known too.</summary>
    public decimal? Dollars { get; init; }

    internal bool IsHalfPrice => Host == RunTransitions.Name(RunHost.Batch);
}

/// <summary>A run's status as the table and answers have it.</summary>
internal sealed class RunStatusNameAttribute()
    : AllowedValuesAttribute("pending", "processing", "completed", "failed", "cancelled", "cap_reached");

/// <summary>A run with what its committed batches did.</summary>
/// <param name="Dollars">Null for a model whose price is not known.</param>
/// <param name="DollarsSaved">By the cache, by estimate; null for such a model too.</param>
/// <param name="Note">What it waits for, if it waits.</param>
internal sealed record RunDetail(RecordedRun Run, BatchCounts Counts, decimal? Dollars, decimal? DollarsSaved = null, string? Note = null);
