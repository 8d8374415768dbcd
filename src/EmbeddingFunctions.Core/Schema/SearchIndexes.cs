using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <inheritdoc cref="ISearchIndexes"/>
internal sealed class SearchIndexes(NpgsqlDataSource database, TimeProvider time, ILogger<SearchIndexes> log) : ISearchIndexes
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(3);

    private static SqlText FindProgress =>
        $"""
        SELECT c.relname::text, p.tuples_done::float8 / NULLIF(p.tuples_total, 0)
        FROM   pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_class c ON c.oid = p.index_relid
        WHERE  p.datname = current_database()
        """;

    private static SqlText MayBuild(string schema, string table) =>
        $"""
        SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')
        FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE  n.nspname = {schema} AND c.relname = {table}
        """;

    // A server that refuses a build is not asked again by the next run, which may be seconds away.
    private static readonly TimeSpan _pause = TimeSpan.FromHours(1);

    private readonly Inventory _inventory = new(database);
    private readonly ConcurrentDictionary<string, long> _refused = new();

    public event Action<string>? Progressed;

    public async Task<IReadOnlyList<SearchIndex>> States(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var building = await Progress(cancellation);
        var indexes = new List<SearchIndex>();
        foreach (var (wanted, live) in (await Compare(corpus, cancellation)).Select(state => (state.Wanted, state)))
        {
            var state = building.ContainsKey(wanted.Name) ? SearchIndexState.Building
                : live.Live is null ? SearchIndexState.Missing
                : IsInvalid(live) ? SearchIndexState.Invalid : SearchIndexState.Ready;
            indexes.Add(new SearchIndex(wanted.Name, wanted.Table, state)
            {
                Progress = building.GetValueOrDefault(wanted.Name),
                MayBeBuilt = state is SearchIndexState.Ready or SearchIndexState.Building
                    || await database.ScalarAsync<bool>(MayBuild(wanted.Schema, wanted.Table), cancellation),
            });
        }

        return indexes;
    }

    public async Task<bool> AreToBeBuilt(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        if (_refused.TryGetValue(corpus.Corpus.Name, out var refused) && time.GetElapsedTime(refused) < _pause)
        {
            return false;
        }

        try
        {
            return (await ToBeBuilt(corpus, isAsked: false, cancellation)).Count > 0;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // The run that asks has ended: the next one asks again.
            log.IndexIsNotBuilt(corpus.Corpus.Name, e.Message);
            return false;
        }
    }

    public async Task BuildNow(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        await using var turn = await MigrationLock.Take(database, Progressed, cancellation);
        await BuildMissing(corpus, isAsked: true, cancellation);
    }

    public async Task Build(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        await using var turn = await MigrationLock.TryTake(database, cancellation);
        if (turn is null)
        {
            return;
        }

        try
        {
            await BuildMissing(corpus, isAsked: false, cancellation);
        }
        catch (Exception e) when (
            e is DatabaseNotReadyException or OperationCanceledException || (e is PostgresException && !WriteFaults.IsTransient(e)))
        {
            _refused[corpus.Corpus.Name] = time.GetTimestamp();
            log.IndexIsNotBuilt(corpus.Corpus.Name, e.Message);
            throw;
        }
    }

    public async Task Rebuild(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        await using var turn = await MigrationLock.Take(database, Progressed, cancellation);
        foreach (var state in (await Compare(corpus, cancellation)).Where(state => state.Live is not null && !IsInvalid(state)))
        {
            var index = $"{Sql.Identifier(state.Wanted.Schema)}.{Sql.Identifier(state.Wanted.Name)}";
            var step = MigrationStep.Alone($"REINDEX INDEX CONCURRENTLY {index}") with
            {
                Title = $"building the index {state.Wanted.Name} again",
                VectorIndex = state.Wanted,
            };
            await Run([step], state.Wanted.Name, cancellation);
        }

        await BuildMissing(corpus, isAsked: true, cancellation);
    }

    private static bool IsInvalid(ObjectState state) => state.Live?.EndsWith(" invalid", StringComparison.Ordinal) == true;

    private static bool IsToBeBuilt(ObjectState state) =>
        state.Other is null && (state.Live is null || (IsInvalid(state) && state.Record is { IsMade: true }));

    private async Task<IReadOnlyList<ObjectState>> Compare(ResolvedCorpus corpus, CancellationToken cancellation) =>
        await _inventory.Compare(
            corpus.Corpus.Name, CorpusDdl.Objects(corpus).Where(wanted => wanted.GraphBytes is not null).ToList(), cancellation);

    private async Task BuildMissing(ResolvedCorpus corpus, bool isAsked, CancellationToken cancellation)
    {
        foreach (var state in await ToBeBuilt(corpus, isAsked, cancellation))
        {
            await Run(ObjectSteps.Make(corpus, [state]), state.Wanted.Name, cancellation);
        }
    }

    private async Task<IReadOnlyList<ObjectState>> ToBeBuilt(ResolvedCorpus corpus, bool isAsked, CancellationToken cancellation)
    {
        var wanted = (await Compare(corpus, cancellation)).Where(IsToBeBuilt).ToList();
        if (isAsked)
        {
            return wanted;
        }

        var later = await DeferredIndexes.Of(database, corpus, wanted, cancellation);
        return await wanted.Where(state => !later.ContainsKey(state.Wanted.Key)).ToAsyncEnumerable()
            .Where(async (state, token) => await database.ScalarAsync<bool>(MayBuild(state.Wanted.Schema, state.Wanted.Table), token))
            .ToListAsync(cancellation);
    }

    private async Task Run(IEnumerable<MigrationStep> steps, string index, CancellationToken cancellation)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var telling = ConnectionPool.HasOneConnection(database) ? Task.CompletedTask : Tell(index, ended.Token);
        try
        {
            await new StepRunner(database, new LockingStatements(database), log).Run(steps, Progressed, cancellation);
        }
        finally
        {
            await ended.CancelAsync();
            await telling;
        }
    }

    private async Task Tell(string index, CancellationToken ended)
    {
        try
        {
            using var timer = new PeriodicTimer(_lookEvery);
            while (await timer.WaitForNextTickAsync(ended))
            {
                if ((await Progress(ended)).GetValueOrDefault(index) is { } share)
                {
                    Progressed?.Invoke($"building the index {index}: {share:P0}");
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NpgsqlException)
        {
            // Progress is only for people, and the building says itself how it ends.
        }
    }

    private async Task<Dictionary<string, double?>> Progress(CancellationToken cancellation) =>
        (await database.QueryAsync(
            FindProgress, row => (Name: row.GetString(0), Share: row.IsDBNull(1) ? (double?)null : Math.Min(1, row.GetDouble(1))),
            cancellation)).DistinctBy(found => found.Name).ToDictionary(found => found.Name, found => found.Share);
}
