using System.Text;
using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Predicts a run from the texts themselves and the cache: it calls no provider and embeds nothing.</summary>
internal sealed class DryRun
{
    // In a round the provider's queue is filled once.
    private const int HoursPerRound = 24;

    private readonly ResolvedCorpora _corpora;
    private readonly NpgsqlDataSource _database;
    private readonly RunScope _scope;
    private readonly RunQueries _runs;
    private readonly OtherModels _models;
    private readonly ExistingVectors _existing;
    private readonly IVectorCache _cache;
    private readonly EmbeddingSettings _settings;
    private readonly SourceChanges _changes;
    private readonly PriceTable _prices;
    private readonly CostReport _costs;
    private readonly BatchSizes _sizes;

    public DryRun(
        ResolvedCorpora corpora, NpgsqlDataSource database, RunScope scope, RunQueries runs, OtherModels models, ExistingVectors existing,
        IVectorCache cache, EmbeddingSettings settings, SourceChanges changes, PriceTable prices, CostReport costs, BatchSizes sizes) =>
        (_corpora, _database, _scope, _runs, _models, _existing, _cache, _settings, _changes, _prices, _costs, _sizes) =
        (corpora, database, scope, runs, models, existing, cache, settings, changes, prices, costs, sizes);

    /// <exception cref="Corpora.CorpusException">The corpus, a kind or the partition is unknown, or the database is not ready for
    /// it.</exception>
    public async Task<Prediction> Predict(RunRequest request, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(request.Corpus, cancellation);
        await _changes.Settle(corpus, cancellation);
        return await Predict(corpus, request, cancellation);
    }

    /// <summary>The same of a declaration that the database was not migrated for.</summary>
    public async Task<Prediction> Predict(ResolvedCorpus corpus, RunRequest request, CancellationToken cancellation)
    {
        await _scope.Check(corpus, request, cancellation);
        var forceBefore = await _runs.ForceBefore(request, cancellation);
        var limits = new RateLimits(_settings.RequestsPerMinute, _settings.TokensPerMinute);
        var packer = new RequestPacker(limits.EvenRequest, _settings.InputsPerRequest);
        var paid = new HashSet<string>();
        var (items, inputs, requests, tokens) = (0, 0, 0, 0L);
        foreach (var table in PagePlanner.InScope(corpus, request).OrderByDescending(table => table.Priority))
        {
            var left = Math.Max(0, (request.Limit ?? int.MaxValue) - items);
            // All are read before the cache is asked, as each needs a connection.
            var asked = new List<List<AskedText>>();
            await foreach (var batch in Batches(corpus, table, request, forceBefore, left, cancellation))
            {
                items += batch.Count;
                asked.Add(Asked(BatchTriage.Sort(new Claim(corpus, table, Guid.Empty, "", Guid.Empty, batch, request.Force)), paid));
            }

            foreach (var batch in asked)
            {
                var sent = await Unpaid(batch, table.Rule, forceBefore, cancellation);
                inputs += sent.Count;
                requests += packer.Requests(sent.Select(text => text.RequestTokens).ToList());
                tokens += sent.Sum(text => (long)text.Tokens);
            }
        }

        var isFree = !_settings.IsRemote;
        var isSizeDeclared = (request.BatchSize ?? corpus.Corpus.BatchSize) is not null;
        var dollars = _prices.Of(corpus.Model, tokens);
        var minutes = Math.Max((double)requests / _settings.RequestsPerMinute, (double)tokens / _settings.TokensPerMinute);
        return new Prediction(
            items, inputs, isFree ? 0 : requests, isFree ? 0 : tokens, dollars,
            isFree ? null : Math.Round(minutes, 2),
            TokenCounter.Of(corpus.Model).IsExact, isFree || isSizeDeclared)
        {
            BatchLane = isFree ? null : new LanePrediction(
                _prices.Of(corpus.Model, tokens, isOnBatchLane: true),
                HoursPerRound * (int)Math.Ceiling((double)tokens / _settings.QueuedTokens), _settings.NoBatchLane),
            Caps = isFree ? [] : await _costs.Forecast(dollars, request.MaxDollars, cancellation),
            Findings = request.AllowMixedModels ? [] : await _models.Findings(corpus, request.Kinds, cancellation),
            Existing = items == 0 ? [] : await _existing.Findings(corpus, request.Kinds, cancellation),
        };
    }

    // What an earlier batch pays for is not asked for again.
    private static List<AskedText> Asked(BatchTriage triage, HashSet<string> paid) =>
        triage.Texts.Where(text => paid.Add(text.Fingerprint))
            .Select(text => new AskedText(text.Fingerprint, text.Sent.Tokens, text.Sent.RequestTokens)).ToList();

    /// <returns>The texts that are not in the cache.</returns>
    private async Task<List<AskedText>> Unpaid(
        List<AskedText> asked, EmbeddingRule rule, DateTimeOffset? since, CancellationToken cancellation)
    {
        var cached = asked.Count == 0
            ? null
            : await _cache.Find(asked.Select(text => text.Fingerprint).ToList(), rule.Dimensions, since, cancellation);
        return asked.Where(text => !cached!.ContainsKey(text.Fingerprint)).ToList();
    }

    private async IAsyncEnumerable<List<ClaimedItem>> Batches(
        ResolvedCorpus corpus, ResolvedTable table, RunRequest request, DateTimeOffset? forceBefore, int limit,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var isWanted = Sql.Of(
            $"""
            {table.Due(request.Scope(forceBefore), forceBefore)} AND {ClaimStatements.NotHeld(corpus, table)}
            OR request.content IS NOT NULL{table.Filter}
            """);
        var source = Sql.Of(
            $"""
            FROM   {table.Items} t {QueueSql.Request(table)}
            WHERE  ({isWanted}) {corpus.AndIsActive(table)}{table.Selected(request.Selection)}
            AND    ({request.Partition}::text IS NULL OR {table.Partition}::text = {request.Partition})
            """);
        var declared = request.BatchSize ?? corpus.Corpus.BatchSize;
        var sizes = declared is not null ? null : _sizes.Forecast(
            corpus.Corpus, table.Kind,
            (int)Math.Min(limit, await _database.ScalarAsync<long>($"SELECT count(*) {source}", cancellation, Sql.TimeoutOfCounts)),
            _settings.BatchesInFlight);
        var rows = _database.StreamAsync(
            $"""
            SELECT {table.Id}::text, {table.Partition}::text, {table.Hash}, CASE WHEN request.content IS NULL THEN {table.State} END,
                   {table.Vector} IS NOT NULL, {Sql.Join(", ", Texts(table))}
            {source}
            ORDER  BY {table.Partition}, {table.Order(request.Scope(forceBefore))}
            LIMIT  {limit}
            """,
            row => (Partition: row.GetString(1), Item: Item(row, table.Template.Columns.Count)), cancellation, Sql.TimeoutOfCounts);
        var (batch, partition, bytes) = (new List<ClaimedItem>(), "", 0L);
        await foreach (var (rowPartition, item) in rows)
        {
            var length = item.Values.Sum(value => value is null ? 0L : Encoding.UTF8.GetByteCount(value));
            if (
                batch.Count > 0
                    && (
                        batch.Count == (declared ?? sizes!.Next) || rowPartition != partition
                            || bytes + length > ClaimStore.MaxBytesOf(table)))
            {
                yield return batch;
                sizes?.Take(batch.Count);
                (batch, bytes) = ([], 0);
            }

            (partition, bytes) = (rowPartition, bytes + length);
            batch.Add(item);
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }

    private static IEnumerable<SqlText> Texts(ResolvedTable table) =>
        table.TextColumns.Select(text => table.Queue == QueuedText.Content ? Sql.Of($"COALESCE(request.content, {text})") : text);

    private static ClaimedItem Item(NpgsqlDataReader row, int texts)
    {
        const int FirstText = 5;
        return new ClaimedItem(
            row.GetString(0), [], row.Texts(FirstText, texts), row.Text(2), row.Text(3), row.GetBoolean(4), 1, null, false);
    }

    private readonly record struct AskedText(string Fingerprint, int Tokens, int RequestTokens);
}

/// <param name="Items">Items in scope, those that need no call included.</param>
/// <param name="Inputs">Texts that would be sent.</param>
/// <param name="Minutes">
/// At the configured limits, the provider's own time not counted; null for a model in this process, which is as fast as the machine.
/// </param>
/// <param name="AreTokensExact">Counted as the model counts them; else they are estimated.</param>
/// <param name="AreRequestsExact">Their size is declared; else it is chosen by what the provider answers fastest.</param>
internal sealed record Prediction(
    int Items, int Inputs, int Requests, long Tokens, decimal? Dollars, double? Minutes, bool AreTokensExact, bool AreRequestsExact)
{
    /// <summary>The same on the provider's batch lane; null for a model in this process.</summary>
    public LanePrediction? BatchLane { get; init; }

    /// <summary>The caps of dollars that are set, and whether they let the run come to its end.</summary>
    public IReadOnlyList<CapForecast> Caps { get; init; } = [];

    /// <summary>Why the run would be refused.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];

    /// <summary>Vectors of other programs that could be adopted instead of paid for, a sentence each.</summary>
    public IReadOnlyList<string> Existing { get; init; } = [];
}

/// <param name="MaxHours">
/// The provider answers a batch within 24 hours, mostly sooner; what is beyond the limit of its queue waits until there is room.
/// </param>
/// <param name="Refusal">Why the lane cannot be used, and what to do instead.</param>
internal sealed record LanePrediction(decimal? Dollars, int MaxHours, string? Refusal);
