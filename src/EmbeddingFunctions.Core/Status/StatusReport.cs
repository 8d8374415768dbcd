using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Counts coverage, failures and runs as the database has them now.</summary>
internal sealed class StatusReport
{
    private static SqlText FindFailures(string corpus) =>
        $"""
        SELECT kind, reason, count(*), count(*) FILTER (WHERE is_dead), min(retry_at) FILTER (WHERE NOT is_dead)
        FROM   embedding.failures
        WHERE  corpus = {corpus} AND attempts > 0
        GROUP  BY kind, reason
        ORDER  BY count(*) DESC, kind
        LIMIT  20
        """;

    private const int RecentRuns = 5;

    private static readonly TimeSpan _recent = TimeSpan.FromDays(7);

    private readonly NpgsqlDataSource _database;
    private readonly CorpusSet _declared;
    private readonly ResolvedCorpora _corpora;
    private readonly RunHistory _history;
    private readonly ProviderCheck _provider;
    private readonly RedisCheck _redis;
    private readonly CorpusFindings _findings;
    private readonly AdoptionRecords _adoptions;
    private readonly LaneStore _lane;
    private readonly ISearchIndexes _indexes;
    private readonly SourceChanges _changes;
    private readonly RecallRecords _recalls;
    private readonly PriceTable _prices;
    private readonly Pauses _pauses;
    private readonly FreshnessReport _freshness;
    private readonly SpendingReport _spending;

    public StatusReport(
        NpgsqlDataSource database, CorpusSet declared, ResolvedCorpora corpora, RunHistory history, ProviderCheck provider,
        RedisCheck redis, CorpusFindings findings, AdoptionRecords adoptions, LaneStore lane, ISearchIndexes indexes,
        SourceChanges changes, RecallRecords recalls, PriceTable prices, Pauses pauses, FreshnessReport freshness,
        SpendingReport spending) =>
        (_database, _declared, _corpora, _history, _provider, _redis, _findings, _adoptions, _lane, _indexes, _changes, _recalls,
            _prices, _pauses, _freshness, _spending) =
        (database, declared, corpora, history, provider, redis, findings, adoptions, lane, indexes, changes, recalls, prices,
            pauses, freshness, spending);

    /// <summary>Of every corpus that the database was migrated for; those that it was not are named only.</summary>
    /// <exception cref="DatabaseNotReadyException">It was migrated for none, or is not ready for one.</exception>
    public async Task<CorporaStatus> OfAll(CancellationToken cancellation)
    {
        var migrated = await _corpora.Migrated(cancellation);
        var reports = new List<CorpusStatus>();
        foreach (var corpus in migrated)
        {
            reports.Add(await Of(corpus.Name, cancellation));
        }

        return new CorporaStatus(
            reports, _declared.All.Except(migrated).Select(corpus => corpus.Name).ToList(), await _spending.Of(cancellation));
    }

    /// <summary>Dollars of all corpora together.</summary>
    public Task<SpendingStatus> Spending(CancellationToken cancellation) => _spending.Of(cancellation);

    /// <exception cref="CorpusException">The corpus is not declared or the database not ready for it.</exception>
    public async Task<CorpusStatus> Of(string name, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        var kinds = new List<KindCoverage>();
        var findings = await _findings.Of(corpus, cancellation);
        try
        {
            await _changes.Settle(corpus, cancellation);
            foreach (var table in corpus.Tables)
            {
                kinds.Add(await Coverage(corpus, table, cancellation));
            }
        }
        catch (Exception e) when (
            findings.Count > 0 && (e is DatabaseNotReadyException
                || e is PostgresException { SqlState: PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedTable }))
        {
            throw new DatabaseNotReadyException(string.Join("; ", findings));
        }

        var failures = await Read(FindFailures(name), r => new FailureReason(
            r.GetString(0), r.GetString(1), r.GetInt64(2), r.GetInt64(3), Time(r, 4)), cancellation);
        var runs = await _history.List(name, status: null, RecentRuns, cancellation, hasWork: true);
        var provider = await _provider.Status(corpus.Corpus, cancellation);
        var recent = await Read(RunQueries.SumByKind(name, _recent), r => (
            Hits: r.GetInt64(1), Misses: r.GetInt64(2), SavedTokens: r.GetInt64(3),
            Vectors: Time(r, 5) is { } latest ? new RecentVectors(r.GetString(0), r.GetInt64(4), latest)
            {
                ItemsPerRequest = r.GetFieldValue<double?>(6),
            } : null), cancellation);
        var cache = new CacheUse(
            recent.Sum(kind => kind.Hits), Math.Max(0, recent.Sum(kind => kind.Misses)),
            _prices.Of(corpus.Model, recent.Sum(kind => kind.SavedTokens)));
        var (freshness, oldest) = await _freshness.Of(corpus, cancellation);
        return new CorpusStatus(name, corpus.Model, corpus.Corpus.Dimensions, provider, cache, kinds, failures, runs)
        {
            Recent = recent.Select(kind => kind.Vectors).OfType<RecentVectors>().ToList(),
            Findings = findings,
            Indexes = corpus.Corpus.Index.Build == IndexBuild.Manual ? [] : await _indexes.States(corpus, cancellation),
            Recalls = await _recalls.Of(name, cancellation),
            Redis = await _redis.Status(cancellation),
            Adoptions = await _adoptions.List(name, cancellation),
            Batches = await _lane.OfCorpus(name, cancellation),
            Freshness = freshness,
            OldestPending = oldest,
            PausedAt = await _pauses.Since(name, cancellation),
        };
    }

    private async Task<KindCoverage> Coverage(ResolvedCorpus corpus, ResolvedTable table, CancellationToken cancellation)
    {
        // Each item counts once: one that failed is not also pending, though a later run will take it again.
        var sql = Sql.Of(
            $"""
            SELECT count(*),
                   count(*) FILTER (WHERE NOT pending AND state = {Sql.Literal(ItemState.Embedded)}),
                   count(*) FILTER (WHERE NOT pending AND state = {Sql.Literal(ItemState.Empty)}),
                   count(*) FILTER (WHERE pending AND NOT waits),
                   count(*) FILTER (WHERE pending AND waits OR NOT pending AND state = {Sql.Literal(ItemState.Failed)}),
                   count(*) FILTER (WHERE pending AND NOT waits AND is_left),
                   count(*) FILTER (WHERE NOT pending AND state = {Sql.Literal(ItemState.Ignored)}),
                   count(*) FILTER (WHERE NOT pending AND is_asked),
                   count(*) FILTER (WHERE pending AND NOT waits AND has_failed)
            FROM  (SELECT COALESCE({table.Pending}, false) AS pending, {table.State} AS state,
                          COALESCE(f.retry_at > now() AND COALESCE(f.version = {table.Version}, true), false) AS waits,
                          f.item_id IS NOT NULL AND COALESCE(f.version = {table.Version}, true) AS has_failed,
                          COALESCE({table.LeftToBackfill ?? Sql.Of($"false")}, false) AS is_left, request.content IS NOT NULL AS is_asked
                   FROM   {table.Target} t {QueueSql.Request(table)}
                   LEFT   JOIN embedding.claims f
                          ON f.corpus = {corpus.Corpus.Name} AND f.kind = {table.Kind} AND f.item_id = {table.Id}::text
                          AND f.reason IS NOT NULL
                   WHERE  true{table.Filter} {corpus.AndIsActive(table)}) items
            """);
        return (await Read(sql, row => new KindCoverage(
            table.Kind, table.Name, row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5),
            row.GetInt64(6), row.GetInt64(7))
        {
            Retrying = row.GetInt64(8),
        }, cancellation)).Single();
    }

    private Task<List<T>> Read<T>(SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation) =>
        _database.QueryAsync(statement, row, cancellation, Sql.TimeoutOfCounts);

    private static DateTimeOffset? Time(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) || reader.GetDateTime(column) is var time && (time == DateTime.MaxValue || time == DateTime.MinValue)
            ? null
            : new DateTimeOffset(reader.GetDateTime(column));
}
