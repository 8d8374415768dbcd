using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>Takes away what migrations recorded as made for a corpus, and nothing else.</summary>
internal sealed class CorpusRemoval
{
    private static SqlText RemoveRows(string corpus) =>
        $"""
        WITH rules AS (DELETE FROM embedding.rules WHERE corpus = {corpus}),
             claims AS (DELETE FROM embedding.claims WHERE corpus = {corpus}),
             slots AS (DELETE FROM embedding.start_slots WHERE corpus = {corpus}),
             shapes AS (DELETE FROM embedding.declarations WHERE corpus = {corpus})
        {RunTransitions.DeleteAllOf(corpus)}
        """;

    private readonly NpgsqlDataSource _database;
    private readonly CorpusSet _corpora;
    private readonly Inventory _inventory;
    private readonly LockingStatements _locking;
    private readonly AdoptionRecords _adoptions;
    private readonly LaneStore _lane;
    private readonly RecallRecords _recalls;

    public CorpusRemoval(NpgsqlDataSource database, CorpusSet corpora)
    {
        (_database, _corpora, _inventory, _locking) = (database, corpora, new Inventory(database), new LockingStatements(database));
        (_adoptions, _lane, _recalls) = (new AdoptionRecords(database), new LaneStore(database), new RecallRecords(database));
    }

    /// <summary>All corpora that something is recorded for, declared or not.</summary>
    public async Task<IReadOnlyList<string>> Recorded(CancellationToken cancellation)
    {
        if (!await IsInstalled(cancellation))
        {
            return [];
        }

        return await _database.QueryAsync(
            $"SELECT DISTINCT corpus FROM {Sql.Raw(Inventory.Records)} WHERE corpus <> '' ORDER BY corpus", row => row.GetString(0),
            cancellation);
    }

    /// <returns>What would be taken away, a line each; nothing if the corpus was not migrated.</returns>
    /// <exception cref="NotFoundException">It was not, and is not declared either.</exception>
    public async Task<IReadOnlyList<string>> Plan(string name, CancellationToken cancellation)
    {
        var found = (await Made(name, cancellation)).Where(made => made.Live is not null).ToList();
        var plan = new List<string>();
        foreach (var columns in found.Where(made => made.Key.Kind == ObjectKind.Column).GroupBy(made => (made.Key.Schema, made.Key.Table)))
        {
            var vectors = 0L;
            foreach (var column in columns.Where(column => column.Live!.Contains("vector(", StringComparison.Ordinal)))
            {
                vectors += await Vectors(column.Key, cancellation);
            }

            plan.Add(
                $"{columns.Key.Table}: the columns {string.Join(", ", columns.Select(column => column.Key.Name))}, their indexes and "
                    + $"triggers, with {vectors:N0} vectors");
        }

        foreach (var (key, _, _) in found.Where(made => made.Key.Kind is ObjectKind.Table or ObjectKind.View))
        {
            plan.Add(await VectorsIn(key, cancellation) is { } vectors ? $"{key}, with {vectors:N0} vectors" : $"{key}");
        }

        return plan.Count == 0 ? plan : [.. plan, "its runs, claims and failures"];
    }

    /// <returns>What a migration uses and did not make, which no removal takes, a line each.</returns>
    /// <param name="name">The corpus, or nothing for what corpora share.</param>
    /// <param name="cancellation">Cancels the query.</param>
    public async Task<IReadOnlyList<string>> Others(string name, CancellationToken cancellation) =>
        (await _inventory.Of(name, cancellation))
            .Where(found => !found.Record.IsMade && found.Live is not null)
            .Select(found => $"{found.Key}, which was there before").ToList();

    /// <returns>What the removal of a corpus leaves, a line each.</returns>
    public async Task<IReadOnlyList<string>> Stays(string name, CancellationToken cancellation)
    {
        var stays = await Others(name, cancellation);
        var isShared = (await _inventory.Of("", cancellation)).Any(found => found.Live is not null);
        return isShared
            ? [
                .. stays, $"the tables that all corpora share, with {await Cached(cancellation):N0} cached vectors",
                "the extension vector"]
            : stays;
    }

    /// <summary>Lets no corpus go while work on it is under way.</summary>
    /// <param name="name">The corpus, or a generation of it.</param>
    /// <param name="cancellation">Cancels the query.</param>
    /// <exception cref="DatabaseNotReadyException">A run is open, or batches are on their way at the provider.</exception>
    public async Task EnsureIdle(string name, CancellationToken cancellation)
    {
        if (await _lane.OnTheirWay(name, cancellation) is { } batches)
        {
            throw new DatabaseNotReadyException(
                $"A run of '{name}' is on the batch lane, with {batches:N0} {(batches == 1 ? "batch" : "batches")} on the way at the "
                    + $"provider that will be billed: end it with 'embeddings backfill {name} --lane batch --cancel', or wait until it has "
                    + "ended.");
        }

        if (await _database.ScalarAsync<Guid?>(RunQueries.FindCarried(name), cancellation) is { } run)
        {
            throw new DatabaseNotReadyException(
                $"Run {run} of '{name}' is open: let it end or cancel it, and stop the hosts that would start another.");
        }
    }

    /// <summary>Stopped half-way, it goes on when run again.</summary>
    /// <exception cref="DatabaseNotReadyException">
    /// As of <see cref="EnsureIdle"/>; or something of others depends on what goes.
    /// </exception>
    public async Task Remove(string name, Action<string>? progress, CancellationToken cancellation)
    {
        await using var turn = await MigrationLock.Take(_database, progress, cancellation);
        try
        {
            await EnsureIdle(name, cancellation);
            // First, so that hosts start no more runs of it.
            await Run(RemoveRows(name), cancellation);
            await _adoptions.Forget(name, cancellation);
            await _recalls.Forget(name, cancellation);
            await Run(Sql.Raw(QueueDdl.Removal(name)), cancellation);
            await Drop(await _inventory.Of(name, cancellation), progress, cancellation);
            // Last, so that a removal that is stopped is known to have been begun.
            await Run(
                $"""
                WITH generations AS (DELETE FROM embedding.generations WHERE name = {name})
                DELETE FROM {Sql.Raw(Inventory.Records)} WHERE corpus = {name}
                """,
                cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DependentObjectsStillExist or PostgresErrorCodes.WrongObjectType)
        {
            throw new DatabaseNotReadyException($"{Sql.Reason(e)}: drop that first, then run this again.");
        }
    }

    /// <returns>What corpora share and a migration made, a line each.</returns>
    public async Task<IReadOnlyList<string>> Shared(CancellationToken cancellation) =>
        (await _inventory.Of("", cancellation))
            .Where(found => found.Record.IsMade && found.Live is not null && found.Key.Kind is ObjectKind.Table or ObjectKind.View)
                .Select(found => found.Key.ToString()).ToList();

    /// <summary>
    /// Takes away what corpora share too: the engine's own tables with runs, cache and failures, and a queue that a migration made.
    /// </summary>
    /// <exception cref="DatabaseNotReadyException">A corpus is left.</exception>
    public async Task RemoveShared(Action<string>? progress, CancellationToken cancellation)
    {
        if (await Recorded(cancellation) is { Count: > 0 } left)
        {
            throw new DatabaseNotReadyException($"Take down {string.Join(", ", left)} first.");
        }

        await using var turn = await MigrationLock.Take(_database, progress, cancellation);
        var made = (await _inventory.Of("", cancellation)).Where(found => found.Record.IsMade).ToList();
        // The records go last, with the schema, unless others have put something into it.
        var isSchemaMade = made.Any(found => found.Key.Kind == ObjectKind.Schema);
        await Drop(
            made.Where(found => found.Key.Kind != ObjectKind.Schema && $"{EngineSchema.Name}.{found.Key.Name}" != Inventory.Records)
                .ToList(),
            progress, cancellation);
        await Run($"DROP TABLE IF EXISTS embedding.objects", cancellation);
        if (isSchemaMade)
        {
            await Run($"DROP SCHEMA embedding", cancellation);
        }
    }

    // What depends on others goes first; tables, which may refer to each other, and the columns of a table go together, that which Postgres
    // makes of others before them.
    private async Task Drop(
        IReadOnlyList<(ObjectKey Key, string? Live, ObjectRecord Record)> made, Action<string>? progress,
        CancellationToken cancellation)
    {
        static string Together(ObjectKey key) => key.Kind switch
        {
            ObjectKind.Column => key.Table,
            ObjectKind.Table => "",
            _ => key.ToString(),
        };

        foreach (var group in made.Where(found => found.Record.IsMade).Select(found => found.Key)
            .GroupBy(key => (key.Kind, Schema: key.Kind == ObjectKind.Table ? "" : key.Schema, Table: Together(key)))
            .OrderByDescending(group => group.Key.Kind))
        {
            if (group.Key.Kind == ObjectKind.Column)
            {
                progress?.Invoke($"dropping the columns of {group.Key.Table}");
            }

            var removal = group.Key.Kind == ObjectKind.Column
                ? $"ALTER TABLE IF EXISTS {Sql.Identifier(group.Key.Schema)}.{Sql.Identifier(group.Key.Table)} "
                    + string.Join(
                        ", ",
                        group.OrderBy(key => key.Name != TextSearchDdl.Column)
                            .Select(key => $"DROP COLUMN IF EXISTS {Sql.Identifier(key.Name)}"))
                : group.Key.Kind == ObjectKind.Table
                ? "DROP TABLE IF EXISTS "
                    + string.Join(", ", group.Select(key => $"{Sql.Identifier(key.Schema)}.{Sql.Identifier(key.Name)}"))
                : group.First().Removal;
            await _locking.Run($"{removal}; {string.Join("; ", group.Select(key => Inventory.Forget(key)))}", progress, cancellation);
        }
    }

    private async Task<IReadOnlyList<(ObjectKey Key, string? Live, ObjectRecord Record)>> Made(string name, CancellationToken cancellation)
    {
        var made = (await _inventory.Of(name, cancellation)).Where(found => found.Record.IsMade)
            .ToList();
        if (made.Count == 0)
        {
            _corpora.Get(name);
        }

        return made;
    }

    // Null of a table that has no vectors of its own.
    private async Task<long?> VectorsIn(ObjectKey table, CancellationToken cancellation)
    {
        var column = await _database.ScalarAsync<string>(
            $"""
            SELECT a.attname::text
            FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
            JOIN   pg_type t ON t.oid = a.atttypid
            WHERE  n.nspname = {table.Schema} AND c.relname = {table.Name} AND c.relkind = 'r' AND t.typname IN ('vector', 'halfvec')
            LIMIT  1
            """,
            cancellation);
        return column is null ? null : await Vectors(table with { Table = table.Name, Name = column }, cancellation);
    }

    private Task<long> Vectors(ObjectKey column, CancellationToken cancellation) => _database.ScalarAsync<long>(
        $"SELECT count({Sql.Identifier(column.Name)}) FROM {Sql.Identifier(column.Schema)}.{Sql.Identifier(column.Table)}", cancellation);

    private Task<long> Cached(CancellationToken cancellation) =>
        _database.ScalarAsync<long>($"SELECT count(*) FROM embedding.cache", cancellation);

    private Task<bool> IsInstalled(CancellationToken cancellation) =>
        _database.ScalarAsync<bool>($"SELECT pg_catalog.to_regclass({Inventory.Records}) IS NOT NULL", cancellation);

    private Task Run(SqlText statement, CancellationToken cancellation) =>
        _database.ExecuteAsync(statement, cancellation, Sql.NoTimeout);
}
