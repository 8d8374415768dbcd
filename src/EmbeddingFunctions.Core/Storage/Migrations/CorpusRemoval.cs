using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Takes away what a migration made for a corpus; the tables, the extension and what corpora share stay.</summary>
public sealed class CorpusRemoval
{
    private const string RemoveSimilarityCache =
        """
        DROP TABLE IF EXISTS similarity_cache;
        DROP FUNCTION IF EXISTS increment_cache_access(uuid), cleanup_expired_cache(), get_cache_statistics()
        """;

    // A command's run that was not heard of for a minute is over, see the runs' own rule.
    private const string FindOpenRun =
        """
        SELECT id
        FROM   embedding_jobs
        WHERE  corpus = $1 AND status IN ('pending', 'processing')
        AND    (host <> 'command' OR heartbeat_at > now() - interval '1 minute')
        LIMIT  1
        """;

    // A table of the declared name may be another program's: only a migration gives it this index.
    private const string FindChunks =
        """
        SELECT EXISTS (SELECT FROM pg_indexes WHERE schemaname = $1 AND tablename = $2 AND indexname = $3)
        FROM   pg_tables
        WHERE  schemaname = $1 AND tablename = $2
        """;

    private const string RemoveRows =
        """
        WITH rules AS (DELETE FROM embedding_rules WHERE corpus = $1),
             claims AS (DELETE FROM embedding_claims WHERE corpus = $1),
             slots AS (DELETE FROM embedding_start_slots WHERE corpus = $1)
        DELETE FROM embedding_jobs WHERE corpus = $1
        """;

    private readonly NpgsqlDataSource _database;
    private readonly Catalogue _catalogue;
    private readonly CorpusSet _corpora;

    internal CorpusRemoval(NpgsqlDataSource database, Catalogue catalogue, CorpusSet corpora) =>
        (_database, _catalogue, _corpora) = (database, catalogue, corpora);

    /// <returns>What would be taken away, a line each; nothing if the corpus was not migrated.</returns>
    public async Task<IReadOnlyList<string>> Plan(string name, CancellationToken cancellation)
    {
        var corpus = _corpora.Get(name);
        var plan = new List<string>();
        foreach (var table in await Tables(corpus, cancellation))
        {
            plan.AddRange((await Chunks(corpus, table, cancellation)).Where(chunks => chunks.IsOurs).Select(chunks => $"the table {chunks.Name}"));
            var vector = VectorOf(corpus, table);
            plan.AddRange(DeclaredFor(corpus, table).First().Queue == QueuedText.None ? [] : [$"{table.Name}: its triggers at {QueueTable.Name}, which stays with its rows"]);
            await using var count = _database.CreateCommand($"SELECT count(*) FROM {table.Quoted} WHERE {(table.Columns.ContainsKey(vector) ? $"{Sql.Identifier(vector)} IS NOT NULL" : "false")}");
            plan.Add($"{table.Name}: the columns {string.Join(", ", CorpusShape.Columns(table, vector))}, their indexes and triggers, with {await count.ExecuteScalarAsync(cancellation):N0} vectors");
        }

        plan.AddRange(await HasRules(name, cancellation) ? ["its runs, claims and failures"] : []);
        plan.AddRange(plan.Count > 0 && corpus.PendingView is { } view ? [$"the view {view.Name}"] : []);
        plan.AddRange(plan.Count > 0 && corpus.SimilarityCache ? ["the table similarity_cache and its functions"] : []);
        return plan;
    }

    /// <summary>Stopped half-way, it goes on when run again.</summary>
    /// <exception cref="CorpusException">A run is open, or something of others depends on what goes.</exception>
    public async Task Remove(string name, Action<string>? progress, CancellationToken cancellation)
    {
        var corpus = _corpora.Get(name);
        await using var turn = await MigrationTurn.Take(_database, progress, cancellation);
        try
        {
            await DemandNoRun(name, cancellation);
            // First, so that hosts start no more runs of it.
            await Run(RemoveRows, cancellation, name);
            await RemoveShared(corpus, cancellation);
            foreach (var table in await Tables(corpus, cancellation))
            {
                progress?.Invoke($"taking the columns from {table.Name}");
                await RemoveChunks(corpus, table, progress, cancellation);

                if ((await _catalogue.Find([QueueTable.Targets], cancellation)).Count > 0)
                {
                    await Run(QueueShape.Removal(table, DeclaredFor(corpus, table).First().Table, VectorOf(corpus, table)), cancellation);
                }

                await Run(WakeShape.Removal(table), cancellation);
                await Run(CorpusShape.Removal(table, VectorOf(corpus, table)), cancellation);
            }
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DependentObjectsStillExist or PostgresErrorCodes.WrongObjectType)
        {
            throw new CorpusException($"{e.MessageText} ({e.Detail}): drop that first, then run this again.");
        }
    }

    private async Task<List<FoundTable>> Tables(Corpus corpus, CancellationToken cancellation)
    {
        var found = await _catalogue.Find(corpus.Tables.Select(table => table.Table), cancellation);
        return found.Values.Where(table => table.IsTable && CorpusShape.IsMigrated(table)).ToList();
    }

    private async Task RemoveChunks(Corpus corpus, FoundTable table, Action<string>? progress, CancellationToken cancellation)
    {
        foreach (var (name, isOurs) in await Chunks(corpus, table, cancellation))
        {
            if (isOurs)
            {
                await Run(ChunkShape.Removal(table, name), cancellation);
            }
            else
            {
                progress?.Invoke($"leaving the table {name}, which no migration made");
            }
        }
    }

    private async Task<List<(string Name, bool IsOurs)>> Chunks(Corpus corpus, FoundTable table, CancellationToken cancellation)
    {
        var chunks = new List<(string, bool)>();
        foreach (var name in DeclaredFor(corpus, table).Select(declared => declared.Chunks?.Table).OfType<string>().Distinct())
        {
            await using var command = _database.CreateCommand(FindChunks);
            foreach (var value in new[] { table.Schema, name, ChunkShape.IndexName(table, name) })
            {
                command.Parameters.Add(new() { Value = value });
            }

            if (await command.ExecuteScalarAsync(cancellation) is bool isOurs)
            {
                chunks.Add((name, isOurs));
            }
        }

        return chunks;
    }

    private static string VectorOf(Corpus corpus, FoundTable table) => DeclaredFor(corpus, table).First().Vector;

    private static IEnumerable<CorpusTable> DeclaredFor(Corpus corpus, FoundTable table) =>
        corpus.Tables.Where(declared => declared.Table == table.Name || declared.Table == $"{table.Schema}.{table.Name}");

    private async Task<bool> HasRules(string name, CancellationToken cancellation)
    {
        if (!(await _catalogue.Find(["embedding_rules"], cancellation)).ContainsKey("embedding_rules"))
        {
            return false;
        }

        await using var command = _database.CreateCommand("SELECT EXISTS (SELECT FROM embedding_rules WHERE corpus = $1)");
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    private async Task DemandNoRun(string name, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(FindOpenRun);
        command.Parameters.Add(new() { Value = name });
        if (await command.ExecuteScalarAsync(cancellation) is Guid run)
        {
            throw new CorpusException($"Run {run} of '{name}' is open: let it end or cancel it, and stop the hosts that would start another.");
        }
    }

    private async Task RemoveShared(Corpus corpus, CancellationToken cancellation)
    {
        if (corpus.PendingView is { } view)
        {
            await Run($"DROP VIEW IF EXISTS {PendingViewShape.Name(view)}", cancellation);
        }

        if (corpus.SimilarityCache)
        {
            await Run(RemoveSimilarityCache, cancellation);
        }
    }

    private async Task Run(string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = _database.CreateCommand(sql);
        command.CommandTimeout = 0;
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }
}
