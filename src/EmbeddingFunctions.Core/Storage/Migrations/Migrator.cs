using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Brings a database to what a corpus needs; any number of processes may do so at once.</summary>
public sealed class Migrator
{
    private static SqlText RecordShape(BoundCorpus corpus) =>
        $"""
        INSERT INTO embedding_shapes (corpus, shape) VALUES ({corpus.Corpus.Name}, {CorpusShape.Id(corpus)})
        ON CONFLICT (corpus, shape) DO UPDATE SET migrated_at = now()
        """;

    private static SqlText RecordRule(BoundCorpus corpus, BoundTable table) =>
        $"""
        INSERT INTO embedding_rules (corpus, kind, rule, model, shape)
        VALUES ({corpus.Corpus.Name}, {table.Kind}, {table.Rule.Id}, {table.Rule.Model}, {CorpusShape.Id(corpus)})
        ON CONFLICT (corpus, kind) DO UPDATE
        SET    rule = EXCLUDED.rule, model = EXCLUDED.model, shape = EXCLUDED.shape, migrated_at = now()
        """;

    private readonly NpgsqlDataSource _database;
    private readonly Catalogue _catalogue;
    private readonly EmbeddingSettings _settings;
    private readonly IRowAudit _audit;
    private readonly ITextWindow? _window;
    private readonly EngineTables _engineTables;
    private readonly Inventory _inventory;
    private readonly SearchedSchemas _searched;
    private readonly PartMaker _maker;
    private readonly Ddl _ddl;

    internal Migrator(NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings, IRowAudit audit, ITextWindow? window)
    {
        (_database, _catalogue, _settings, _audit, _window) = (database, catalogue, settings, audit, window);
        (_engineTables, _inventory, _searched, _ddl) = (
            new EngineTables(database), new Inventory(database), new SearchedSchemas(database), new Ddl(database));
        _maker = new PartMaker(database, _ddl);
    }

    /// <summary>As <see cref="Migrate(Corpus, MigrationOptions, Action{string}?, CancellationToken)"/>.</summary>
    public Task Migrate(Corpus corpus, bool withSampleTables, Action<string>? progress, CancellationToken cancellation) =>
        Migrate(corpus, new MigrationOptions(withSampleTables), progress, cancellation);

    /// <summary>
    /// Tables, columns, triggers and view; then the indexes, without blocking writers. What is there as it was made is left alone. Stopped
    /// half-way,
    /// it goes on when run again.
    /// </summary>
    /// <param name="corpus">The declaration.</param>
    /// <param name="options">What it may do.</param>
    /// <param name="progress">Is told what takes time, and what was found.</param>
    /// <exception cref="CorpusException">The declaration does not fit the database, or something of others is in its way: then nothing was
    /// changed.</exception>
    public async Task Migrate(Corpus corpus, MigrationOptions options, Action<string>? progress, CancellationToken cancellation)
    {
        await using var turn = await MigrationTurn.Take(_database, progress, cancellation);
        try
        {
            if (options.WithSampleTables && SampleTables.Of(corpus) is { } sampleTables)
            {
                await _ddl.Run(sampleTables, progress, cancellation);
            }

            var bound = await Bind(corpus, cancellation);
            await Demand(bound, options, cancellation);
            await Change(bound, options, progress, cancellation);
        }
        catch (PostgresException e) when (
            e.SqlState.StartsWith("22", StringComparison.Ordinal) || e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            throw new CorpusException($"The corpus '{corpus.Name}' does not fit the database: {e.MessageText} ({e.SqlState}).");
        }
    }

    private async Task<BoundCorpus> Bind(Corpus corpus, CancellationToken cancellation) => CorpusBinder.Bind(
        corpus, await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation), await _catalogue.Schemas(cancellation), _settings,
        _window);

    private async Task Demand(BoundCorpus corpus, MigrationOptions options, CancellationToken cancellation)
    {
        await _searched.Demand(corpus, cancellation);
        if (!options.DropUndeclared && await new OlderShapes(_database, _catalogue).Older(corpus, cancellation) is { } older)
        {
            throw new CorpusException($"{older} To go back to it all the same, say 'embeddings migrate {corpus.Corpus.Name} --yes'.");
        }

        var faults = (await CorpusProbe.Faults(corpus, _database, _catalogue, cancellation)).ToList();
        faults.AddRange(
            faults.Count > 0 ? [] : await new OthersObjects(_database, _inventory).Faults(corpus, options.TakeOver, cancellation));
        if (faults.Count > 0)
        {
            throw new CorpusException(
                $"The corpus '{corpus.Corpus.Name}' does not fit the "
                    + $"database:{string.Concat(faults.Select(fault => $"\n  - {fault.Message}"))}");
        }
    }

    private async Task Change(BoundCorpus corpus, MigrationOptions options, Action<string>? progress, CancellationToken cancellation)
    {
        await _engineTables.Create(cancellation);
        var parts = CorpusShape.Parts(corpus);
        var states = await _inventory.Compare(corpus.Corpus.Name, corpus.Schemas, parts, cancellation);
        foreach (var warning in await new Publications(_database).Warnings(corpus, states, cancellation))
        {
            progress?.Invoke(warning);
        }

        foreach (var table in corpus.Tables.Where(table => IsMissing(states, PartKind.Table, table.Chunks?.Table)))
        {
            await ForgetChunks(table, progress, cancellation);
        }

        await _maker.Make(
            corpus, states.Where(state => state.Part is not { Kind: PartKind.Index, IsShared: false }).ToList(), progress, cancellation);
        var hasTargets = (await _catalogue.Find([QueueTable.Targets], cancellation)).Count > 0;
        foreach (var table in corpus.Tables)
        {
            if (table.Queue != QueuedText.None)
            {
                await Queue(corpus.Corpus.Name, table, progress, cancellation);
            }
            else if (hasTargets)
            {
                await _ddl.Run(
                    $"{QueueShape.Removal(corpus.Schemas.Queue, corpus.Corpus.Name)} AND kind = {Sql.Literal(table.Kind)}", progress,
                    cancellation);
            }
        }

        if (
            corpus.Tables.Any(table => table.Queue != QueuedText.None)
                && await QueueTable.Unpinned(_database, cancellation) is { } unpinned)
        {
            progress?.Invoke(unpinned);
        }

        await RecordRules(corpus, cancellation);
        await _maker.Make(
            corpus, states.Where(state => state.Part is { Kind: PartKind.Index, IsShared: false }).ToList(), progress, cancellation);
        await _maker.Drop(corpus, await Undeclared(corpus, parts, cancellation), options.DropUndeclared, progress, cancellation);
        await Audit(corpus, states, progress, cancellation);
        foreach (var finding in await new OtherModels(_database).Findings(corpus, [], cancellation))
        {
            progress?.Invoke($"no run is started: {finding}");
        }
    }

    private static bool IsMissing(IReadOnlyList<PartState> states, PartKind kind, string? name) =>
        name is not null && states.Any(state => state.Part.Kind == kind && state.Part.Name == name && state.Live is null);

    // Before the table, by itself: stopped before it is there, the next migration begins again; and no row is held while writers are waited
    // for.
    private async Task ForgetChunks(BoundTable table, Action<string>? progress, CancellationToken cancellation)
    {
        if (!table.Own.Always.All(column => table.Found.Columns.ContainsKey(column.Column)))
        {
            return;
        }

        await Pages(table, ChunkShape.Forget(table), progress, cancellation);
    }

    private async Task Queue(string corpus, BoundTable table, Action<string>? progress, CancellationToken cancellation)
    {
        if (table.Queue == QueuedText.Content)
        {
            await Pages(table, QueueShape.FillContent(table), progress, cancellation);
        }

        foreach (var statement in QueueShape.Declare(corpus, table))
        {
            await _ddl.Run(statement, progress, cancellation);
        }

        await Pages(table, QueueShape.Fill(table), progress, cancellation);
    }

    // Each by itself, so that no writer waits for long. A row that its owner's trigger or constraint keeps from being written is found by
    // smaller
    // pages, and passed over.
    private async Task Pages(BoundTable table, string work, Action<string>? progress, CancellationToken cancellation)
    {
        var (last, rows, refused) = ((string?)null, TablePage.Rows, 0);
        while (true)
        {
            var isPassedOver = rows == 0;
            try
            {
                var next = await _ddl.Run(
                    connection => connection.ScalarAsync<string>(
                        TablePage.Of(table, last, Math.Max(rows, 1), isPassedOver ? null : work), cancellation, Sql.NoTimeout),
                    progress, cancellation);
                if (next is null)
                {
                    break;
                }

                (last, rows) = (next, Math.Min(TablePage.Rows, Math.Max(rows, 1) * 2));
            }
            catch (PostgresException e) when (!isPassedOver && WriteFaults.IsOfARow(e))
            {
                rows /= 2;
                refused += rows == 0 ? 1 : 0;
            }
        }

        if (refused > 0)
        {
            progress?.Invoke($"{refused:N0} rows are as they were, because a trigger or a constraint refuses to have them written");
        }
    }

    private Task RecordRules(BoundCorpus corpus, CancellationToken cancellation) =>
        _database.ExecuteAsync([.. corpus.Tables.Select(table => RecordRule(corpus, table)), RecordShape(corpus)], cancellation);

    private async Task<IReadOnlyList<PartKey>> Undeclared(BoundCorpus corpus, IReadOnlyList<Part> parts, CancellationToken cancellation)
    {
        var wanted = parts.Select(part => part.Key).ToHashSet();
        var recorded = await _inventory.Of(corpus.Corpus.Name, corpus.Schemas, cancellation);
        return recorded.Where(found => found.Record.IsMade && !wanted.Contains(found.Key)).Select(found => found.Key).ToList();
    }

    // While the trigger was not there, or was another, edits were not noted.
    private async Task Audit(BoundCorpus corpus, IReadOnlyList<PartState> states, Action<string>? progress, CancellationToken cancellation)
    {
        var missed = states.Where(state => state is { Part.Kind: PartKind.Trigger, Record: not null, IsRight: false })
            .Select(state => state.Part.Table).ToHashSet();
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
