using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Brings a database to what a corpus needs; any number of processes may do so at once.</summary>
public sealed class Migrator
{
    private const string RecordRule =
        """
        INSERT INTO embedding_rules (corpus, kind, rule, model, shape) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (corpus, kind) DO UPDATE
        SET    rule = EXCLUDED.rule, model = EXCLUDED.model, shape = EXCLUDED.shape, migrated_at = now()
        """;

    private const int Tries = 10;

    private readonly NpgsqlDataSource _database;
    private readonly Catalogue _catalogue;
    private readonly EmbeddingSettings _settings;
    private readonly EngineTables _engineTables;
    private readonly IndexBuilder _indexes;

    internal Migrator(NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings)
    {
        (_database, _catalogue, _settings) = (database, catalogue, settings);
        (_engineTables, _indexes) = (new EngineTables(database), new IndexBuilder(database));
    }

    /// <summary>Tables, columns, triggers and view; then the indexes, without blocking writers. Stopped half-way, it goes on when run again.</summary>
    /// <param name="corpus">The declaration.</param>
    /// <param name="withSampleTables">Whether to create the base tables of the shipped corpora where they are missing.</param>
    /// <param name="progress">Is told each index before it is built.</param>
    /// <exception cref="CorpusException">The declaration does not fit the database: then nothing was changed.</exception>
    public async Task Migrate(Corpus corpus, bool withSampleTables, Action<string>? progress, CancellationToken cancellation)
    {
        await using var turn = await MigrationTurn.Take(_database, progress, cancellation);
        try
        {
            if (withSampleTables && SampleTables.Of(corpus) is { } sampleTables)
            {
                await Run(sampleTables, cancellation);
            }

            var bound = await Bind(corpus, cancellation);
            await Probe(bound, cancellation);
            await Change(bound, progress, cancellation);
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("22", StringComparison.Ordinal) || e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            throw new CorpusException($"The corpus '{corpus.Name}' does not fit the database: {e.MessageText} ({e.SqlState}).");
        }
    }

    private async Task Change(BoundCorpus corpus, Action<string>? progress, CancellationToken cancellation)
    {
        await _engineTables.Create(cancellation);
        await ShapeTables(corpus, cancellation);
        await Finish(corpus, cancellation);
        foreach (var kinds in corpus.KindsByTable)
        {
            await _indexes.Build(kinds, progress, cancellation);
        }
    }

    private async Task<BoundCorpus> Bind(Corpus corpus, CancellationToken cancellation) =>
        CorpusBinder.Bind(corpus, await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation), _settings);

    private async Task Probe(BoundCorpus corpus, CancellationToken cancellation)
    {
        if (await CorpusProbe.Faults(corpus, _database, _catalogue, cancellation) is { Count: > 0 } faults)
        {
            throw new CorpusException($"The corpus '{corpus.Corpus.Name}' does not fit the database:{string.Concat(faults.Select(fault => $"\n  - {fault.Message}"))}");
        }
    }

    // One statement at a time: locks on several tables, held together, would wait for writers that hold them in another order.
    private async Task ShapeTables(BoundCorpus corpus, CancellationToken cancellation)
    {
        foreach (var kinds in corpus.KindsByTable)
        {
            if (!CorpusShape.HasColumns(kinds[0]))
            {
                await Run(CorpusShape.Columns(kinds[0]), cancellation);
            }

            await Run(CorpusShape.Trigger(kinds), cancellation);
            await Run(corpus.Corpus.Trigger ? WakeShape.Create(corpus.Corpus, kinds) : WakeShape.Removal(kinds[0].Found), cancellation);
            await ShapeTextSearch(kinds, cancellation);
            await ShapeQueue(corpus, kinds, cancellation);
            foreach (var table in kinds.Where(kind => kind.Chunks is not null))
            {
                await ShapeChunks(table, cancellation);
            }
        }
    }

    // The table comes last, by itself: stopped before, the next migration begins again; and no row is held while writers are waited for.
    private async Task ShapeChunks(BoundTable table, CancellationToken cancellation)
    {
        if (await ChunkShape.Find(table, _catalogue, cancellation) is null)
        {
            while (await Run(ChunkShape.Forget(table), cancellation) >= ChunkShape.ForgottenAtATime)
            {
                // Rows that workers write meanwhile are fewer.
            }
        }

        await Run(ChunkShape.Create(table), cancellation);
    }

    private async Task ShapeQueue(BoundCorpus corpus, IReadOnlyList<BoundTable> kinds, CancellationToken cancellation)
    {
        if (kinds[0].Queue != QueuedText.None)
        {
            foreach (var statement in QueueShape.Create(corpus.Corpus, kinds[0]))
            {
                await Run(statement, cancellation);
            }

            while (kinds[0].Queue == QueuedText.Content && await Run(QueueShape.FillContent(kinds[0]), cancellation) > 0)
            {
                // Some at a time, so that no writer waits for long.
            }

            foreach (var statement in QueueShape.Fill(corpus.Corpus.Name, kinds[0]))
            {
                await Run(statement, cancellation);
            }
        }
        else if ((await _catalogue.Find([QueueTable.Targets], cancellation)).Count > 0)
        {
            await Run(QueueShape.Removal(kinds[0].Found, kinds[0].DeclaredName, kinds[0].VectorColumn), cancellation);
        }
    }

    // It rewrites the table, so it is done only where the column is not what is asked for.
    private async Task ShapeTextSearch(IReadOnlyList<BoundTable> kinds, CancellationToken cancellation)
    {
        var index = CorpusShape.TextSearchIndexName(kinds);
        var isAsItShouldBe = index is null
            ? !kinds[0].Found.Columns.ContainsKey(TextSearchShape.Column)
            : await _indexes.Has(kinds[0], index, cancellation);
        if (!isAsItShouldBe)
        {
            await Run(TextSearchShape.Replace(kinds), cancellation);
        }
    }

    private async Task Finish(BoundCorpus corpus, CancellationToken cancellation)
    {
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        if (corpus.Corpus.SimilarityCache)
        {
            await using var cache = new NpgsqlCommand(CorpusShape.SimilarityCache(corpus), connection);
            await cache.ExecuteNonQueryAsync(cancellation);
        }

        if (corpus.Corpus.PendingView is { } view)
        {
            await PendingViewShape.Replace(connection, transaction, corpus, view, cancellation);
        }

        foreach (var table in corpus.Tables)
        {
            await using var record = new NpgsqlCommand(RecordRule, connection);
            foreach (var value in new[] { corpus.Corpus.Name, table.Kind, table.Rule.Id, table.Rule.Model, CorpusShape.Id(corpus) })
            {
                record.Parameters.Add(new() { Value = value });
            }

            await record.ExecuteNonQueryAsync(cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    // Workers and writers may hold rows in another order; whoever loses is to try again, and a migration can wait.
    private async Task<int> Run(string sql, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var command = _database.CreateCommand(sql);
                command.CommandTimeout = 0;
                return await command.ExecuteNonQueryAsync(cancellation);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected && attempt < Tries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100 * attempt), cancellation);
            }
        }
    }
}
