using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Brings a database to what a corpus needs; any number of processes may do so at once.</summary>
public sealed class Migrator
{
    // One key for all migrations of a database: any constant does, as long as nobody else locks it.
    private const long LockKey = 7_311_845_520_613;

    private readonly NpgsqlDataSource _database;
    private readonly Catalogue _catalogue;
    private readonly EmbeddingSettings _settings;
    private readonly IndexBuilder _indexes;

    internal Migrator(NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings)
    {
        (_database, _catalogue, _settings) = (database, catalogue, settings);
        _indexes = new IndexBuilder(database);
    }

    /// <summary>Tables, columns, trigger and view in one transaction under a lock; then the indexes, without blocking writers.</summary>
    /// <param name="corpus">The declaration.</param>
    /// <param name="withSampleTables">Whether to create the base tables of the shipped corpora where they are missing.</param>
    /// <param name="progress">Is told each index before it is built.</param>
    /// <exception cref="CorpusException">Base tables or columns are missing, or a vector column has another width.</exception>
    public async Task Migrate(Corpus corpus, bool withSampleTables, Action<string>? progress, CancellationToken cancellation)
    {
        await CreateEngineTables(withSampleTables ? SampleTables.Of(corpus) : null, cancellation);
        var bound = await Bind(corpus, cancellation);
        await ShapeTables(bound, cancellation);
        foreach (var table in bound.Tables)
        {
            await _indexes.Build(table, progress, cancellation);
        }
    }

    private async Task CreateEngineTables(string? sampleTables, CancellationToken cancellation)
    {
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var transaction = await Lock(connection, cancellation);
        await Run(connection, "CREATE TABLE IF NOT EXISTS embedding_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())", cancellation);
        var applied = await Applied(connection, cancellation);
        foreach (var migration in Migration.All.Where(migration => !applied.Contains(migration.Name)))
        {
            await Run(connection, migration.Script, cancellation);
            await Run(connection, $"INSERT INTO embedding_migrations (name) VALUES ({Sql.Literal(migration.Name)})", cancellation);
        }

        if (sampleTables is not null)
        {
            await Run(connection, sampleTables, cancellation);
        }

        await transaction.CommitAsync(cancellation);
        await connection.ReloadTypesAsync(cancellation);
    }

    private async Task<BoundCorpus> Bind(Corpus corpus, CancellationToken cancellation)
    {
        var tables = await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
        try
        {
            return CorpusBinder.Bind(corpus, tables, _settings.ModelFor(corpus));
        }
        catch (CorpusException e) when (SampleTables.Of(corpus) is not null && tables.Count == 0)
        {
            throw new CorpusException($"{e.Message}\nTo try it out, 'embeddings migrate {corpus.Name} --with-sample-tables' creates them.");
        }
    }

    private async Task ShapeTables(BoundCorpus corpus, CancellationToken cancellation)
    {
        var mismatches = corpus.Tables.Select(CorpusShape.Mismatch).OfType<string>().ToList();
        if (mismatches.Count > 0)
        {
            throw new CorpusException(
                $"A vector column of '{corpus.Corpus.Name}' has another width:{string.Concat(mismatches.Select(m => $"\n  - {m}"))}\n" +
                "Correct the declaration, or drop the column (its vectors cannot be kept) and migrate again.");
        }

        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var transaction = await Lock(connection, cancellation);
        foreach (var table in corpus.Tables)
        {
            await Run(connection, CorpusShape.Columns(table), cancellation);
            await Run(connection, CorpusShape.Trigger(table), cancellation);
            await RecordRule(connection, corpus, table, cancellation);
        }

        if (corpus.Corpus.SimilarityCache)
        {
            var first = corpus.Tables[0];
            await Run(connection, Migration.Read("similarity_cache.sql")
                .Replace("{partition_type}", first.PartitionType, StringComparison.Ordinal)
                .Replace("{vector_type}", first.VectorColumnType, StringComparison.Ordinal), cancellation);
        }

        if (corpus.Corpus.PendingView is { } view)
        {
            await Run(connection, CorpusShape.PendingView(corpus, view), cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    // The lock is the transaction's: it works through a transaction pooler and ends with a lost connection.
    private static async Task<NpgsqlTransaction> Lock(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var transaction = await connection.BeginTransactionAsync(cancellation);
        await Run(connection, $"SELECT pg_advisory_xact_lock({LockKey})", cancellation);
        return transaction;
    }

    private static async Task<HashSet<string>> Applied(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT name FROM embedding_migrations", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var names = new HashSet<string>();
        while (await reader.ReadAsync(cancellation))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    private static async Task RecordRule(NpgsqlConnection connection, BoundCorpus corpus, BoundTable table, CancellationToken cancellation)
    {
        const string Record =
            """
            INSERT INTO embedding_rules (corpus, kind, rule, model) VALUES ($1, $2, $3, $4)
            ON CONFLICT (corpus, kind) DO UPDATE SET rule = EXCLUDED.rule, model = EXCLUDED.model, migrated_at = now()
            """;
        await using var command = new NpgsqlCommand(Record, connection);
        foreach (var value in new[] { corpus.Corpus.Name, table.Kind, table.Rule.Id, table.Rule.Model })
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        // Another process may hold the lock for as long as its own migration takes.
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
