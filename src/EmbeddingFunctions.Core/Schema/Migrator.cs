using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>Brings a database to what a corpus needs; any number of processes may do so at once.</summary>
internal sealed class Migrator
{
    private readonly NpgsqlDataSource _database;
    private readonly Catalogue _catalogue;
    private readonly EmbeddingSettings _settings;
    private readonly IRowAudit _audit;
    private readonly ITextWindow? _window;
    private readonly EngineSchema _engine;
    private readonly SchemaVersion _version;
    private readonly Inventory _inventory;
    private readonly SearchedSchemas _searched;
    private readonly MigrationSteps _steps;
    private readonly StepRunner _runner;
    private readonly LockingStatements _locking;
    private readonly ILogger _log;

    public Migrator(
        NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings, EngineSchema engine, SchemaVersion version,
        IRowAudit audit, ITextWindow? window, ILogger<Migrator> log)
    {
        (_database, _catalogue, _settings, _audit, _window, _log) = (database, catalogue, settings, audit, window, log);
        (_engine, _version, _inventory, _searched, _locking) = (
            engine, version, new Inventory(database), new SearchedSchemas(database), new LockingStatements(database));
        (_steps, _runner) = (new MigrationSteps(database, catalogue, _inventory), new StepRunner(database, _locking, log));
    }

    /// <summary>
    /// Tables, columns, triggers and view; then the indexes, without blocking writers. What is there as it was made is left alone. Stopped
    /// half-way, it goes on when run again.
    /// </summary>
    /// <param name="corpus">The declaration.</param>
    /// <param name="options">What it may do.</param>
    /// <param name="progress">Receives a line about each step that takes time, and each finding.</param>
    /// <exception cref="DatabaseNotReadyException">
    /// The database does not fit the declaration, or something of others is in its way: then nothing was changed.
    /// </exception>
    public async Task Migrate(Corpus corpus, MigrationOptions options, Action<string>? progress, CancellationToken cancellation)
    {
        await using var turn = await MigrationLock.Take(_database, progress, cancellation);
        var begun = TimeProvider.System.GetTimestamp();
        _log.MigrationBegins(corpus.Name);
        try
        {
            if (options.SampleTables is { } sampleTables)
            {
                await _locking.Run(sampleTables, progress, cancellation);
            }

            var resolved = await Resolve(corpus, cancellation);
            await Ensure(resolved, options, cancellation);
            var states = await _inventory.Compare(corpus.Name, CorpusDdl.Objects(resolved), cancellation);
            foreach (var warning in await new Publications(_database).Warnings(resolved, states, cancellation))
            {
                progress?.Invoke(warning);
            }

            await _runner.Run(await _engine.Plan(cancellation), progress, cancellation);
            await ReloadTypes(cancellation);
            await _runner.Run(await _steps.Of(resolved, states, options, cancellation), progress, cancellation);
            await Report(resolved, states, progress, cancellation);
            _log.MigrationIsDone(corpus.Name, TimeProvider.System.GetElapsedTime(begun).TotalSeconds);
        }
        catch (PostgresException e) when (
            e.SqlState.StartsWith("22", StringComparison.Ordinal) || e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            throw new DatabaseNotReadyException($"The corpus '{corpus.Name}' does not fit the database: {e.MessageText} ({e.SqlState}).");
        }
    }

    /// <summary>
    /// The statements that <see cref="Migrate(Corpus, MigrationOptions, Action{string}?, CancellationToken)"/> would run now, as a script
    /// for psql; empty where there is nothing to do. Rows that were edited while a trigger was missing are looked for by a migration only.
    /// </summary>
    /// <exception cref="DatabaseNotReadyException">As of a migration.</exception>
    public async Task<string> Plan(Corpus corpus, MigrationOptions options, CancellationToken cancellation)
    {
        var resolved = await Resolve(corpus, cancellation);
        await Ensure(resolved, options, cancellation);
        var states = await _inventory.Compare(corpus.Name, CorpusDdl.Objects(resolved), cancellation);
        var engine = await _engine.Plan(cancellation);
        var history = new DeclarationHistory(_database);
        var later = await DeferredIndexes.Of(_database, resolved, states, cancellation);
        var isDone = engine.Count == 0 && states.All(state => state.IsRight || later.ContainsKey(state.Wanted.Key))
            && await history.IsInForce(resolved, cancellation) && (await _steps.Undeclared(resolved, cancellation)).Count == 0;
        return isDone ? "" : string.Join(
            "\n\n", engine.Concat(await _steps.Of(resolved, states, options, cancellation)).Select(step => step.Script()));
    }

    private async Task<ResolvedCorpus> Resolve(Corpus corpus, CancellationToken cancellation) => CorpusResolver.Resolve(
        corpus, await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation), await _catalogue.Schemas(cancellation), _settings,
        _window);

    private async Task Ensure(ResolvedCorpus corpus, MigrationOptions options, CancellationToken cancellation)
    {
        await _searched.Ensure(corpus, cancellation);
        if (await _version.IsNewer(cancellation))
        {
            throw new DatabaseNotReadyException(
                "A newer version of this program migrated the database: migrate with that one. Until then this one runs on it as it is.");
        }

        if (!options.AllowOlderDeclaration && await new DeclarationHistory(_database).Older(corpus, cancellation) is { } older)
        {
            throw new DatabaseNotReadyException(
                $"{older} To return to it anyway, run 'embeddings migrate {corpus.Corpus.Name} --yes'.");
        }

        var faults = (await CorpusProbe.Faults(corpus, _database, _catalogue, cancellation)).ToList();
        faults.AddRange(
            faults.Count > 0 ? [] : await new ForeignObjects(_database).Faults(corpus, options.TakeOver, cancellation));
        if (faults.Count > 0)
        {
            throw new DatabaseNotReadyException(DeclarationFault.Describe(corpus.Corpus, faults));
        }
    }

    // Connections that were open before the extension do not know its types.
    private async Task ReloadTypes(CancellationToken cancellation)
    {
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await connection.ReloadTypesAsync(cancellation);
    }

    private async Task Report(
        ResolvedCorpus corpus, IReadOnlyList<ObjectState> states, Action<string>? progress, CancellationToken cancellation)
    {
        if (
            corpus.Tables.Any(table => table.Queue != QueuedText.None)
                && await QueueTable.Unpinned(_database, cancellation) is { } unpinned)
        {
            progress?.Invoke(unpinned);
        }

        await Audit(corpus, states, progress, cancellation);
        foreach (var finding in await new OtherModels(_database).Findings(corpus, [], cancellation))
        {
            progress?.Invoke($"no run is started: {finding}");
        }

        foreach (var finding in await new ExistingVectors(_database).Findings(corpus, [], cancellation))
        {
            progress?.Invoke(finding);
        }
    }

    // While the trigger was not there, or was another, edits were not noted.
    private async Task Audit(
        ResolvedCorpus corpus, IReadOnlyList<ObjectState> states, Action<string>? progress, CancellationToken cancellation)
    {
        var missed = states.Where(state => state is { Wanted.Kind: ObjectKind.Trigger, Record: not null, IsRight: false })
            .Select(state => state.Wanted.Table).ToHashSet();
        foreach (var table in corpus.Tables.Where(table => missed.Contains(table.Name)))
        {
            progress?.Invoke($"looking for rows of {table.Name} that were edited while its trigger was missing");
            var found = await _audit.Repair(table, cancellation);
            progress?.Invoke($"{found.Found - found.Refused:N0} rows of {table.Name} were edited unnoticed, and are pending now");
            if (found.Refused > 0)
            {
                progress?.Invoke(
                    $"{found.Refused:N0} more cannot be written: when no trigger or constraint refuses them any more, say 'embeddings "
                        + $"audit {corpus.Corpus.Name} --repair'");
            }
        }
    }
}
