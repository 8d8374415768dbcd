using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.BatchLane;

/// <summary>The states of runs on the batch lane and of their batches; <see cref="LaneItems"/> has their lines.</summary>
internal sealed class LaneStore(NpgsqlDataSource database)
{
    /// <summary>How long a run is its host's without a beat.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);

    // A wait beyond the longest is of a clock that was wrong.
    private static SqlText TakeNext(Guid? only, string[] corpora, Guid token) =>
        $"""
        UPDATE embedding.lane_runs
        SET    token = {token}, next_at = now() + {LeaseTime}
        WHERE  run_id = (
            SELECT run_id FROM embedding.lane_runs
            WHERE  ({only}::uuid IS NULL OR run_id = {only}) AND corpus = ANY ({corpora})
            AND    (next_at <= now() OR next_at > now() + interval '10 minutes')
            ORDER  BY next_at
            LIMIT  1
            FOR    UPDATE SKIP LOCKED)
        RETURNING run_id, corpus, token_limit, submit_after <= now()
        """;

    private static SqlText FindBatches(Guid run) =>
        $"""
        SELECT id, status, input_file, provider_id, tokens, created_at, now() - created_at, inputs
        FROM   embedding.lane_batches WHERE run_id = {run} ORDER BY created_at, id
        """;

    /// <exception cref="DatabaseNotReadyException">The database was not migrated for the lane.</exception>
    public async Task Begin(Guid run, string corpus, CancellationToken cancellation)
    {
        try
        {
            await database.ExecuteAsync(
                $"INSERT INTO embedding.lane_runs (run_id, corpus) VALUES ({run}, {corpus})", cancellation);
        }
        catch (PostgresException e) when (IsUnknown(e))
        {
            throw NotMigrated(corpus);
        }
    }

    /// <returns>The corpus's open run on the lane, or null.</returns>
    /// <exception cref="DatabaseNotReadyException">The database was not migrated for the lane.</exception>
    public async Task<Guid?> OpenRun(string corpus, CancellationToken cancellation)
    {
        try
        {
            return await database.ScalarAsync<Guid?>(
                $"SELECT run_id FROM embedding.lane_runs WHERE corpus = {corpus} ORDER BY run_id LIMIT 1", cancellation);
        }
        catch (PostgresException e) when (IsUnknown(e))
        {
            throw NotMigrated(corpus);
        }
    }

    /// <summary>Takes a run whose time has come; of many hosts one gets it.</summary>
    public async Task<LaneRun?> Take(Guid? only, string[] corpora, CancellationToken cancellation)
    {
        try
        {
            var token = Guid.CreateVersion7();
            return (await database.QueryAsync(
                TakeNext(only, corpora, token),
                row => new LaneRun(row.GetGuid(0), row.GetString(1), token, row.GetFieldValue<long?>(2), row.GetBoolean(3)), cancellation))
                .SingleOrDefault();
        }
        catch (PostgresException e) when (IsUnknown(e))
        {
            // A database of an earlier version has no lane.
            return null;
        }
    }

    /// <returns>The run with its limits as they are now; null: it has ended.</returns>
    public async Task<LaneRun?> Limits(LaneRun run, CancellationToken cancellation) =>
        (await database.QueryAsync(
            $"SELECT token_limit, submit_after <= now() FROM embedding.lane_runs WHERE run_id = {run.Id}",
            row => run with { TokenLimit = row.GetFieldValue<long?>(0), MaySend = row.GetBoolean(1) }, cancellation)).SingleOrDefault();

    /// <returns>Whether the run is still the caller's.</returns>
    public async Task<bool> Keep(LaneRun run, CancellationToken cancellation) => await database.ExecuteAsync(
        $"UPDATE embedding.lane_runs SET next_at = now() + {LeaseTime} WHERE run_id = {run.Id} AND token = {run.Token}", cancellation) == 1;

    /// <summary>Leaves the run to whichever host comes after the pause.</summary>
    public Task Free(LaneRun run, TimeSpan pause) => database.ExecuteAsync(
        $"UPDATE embedding.lane_runs SET token = NULL, next_at = now() + {pause} WHERE run_id = {run.Id} AND token = {run.Token}",
        CancellationToken.None);

    public Task End(Guid run, CancellationToken cancellation) =>
        database.ExecuteAsync($"DELETE FROM embedding.lane_runs WHERE run_id = {run}", cancellation);

    /// <summary>Lets the run send no more batches.</summary>
    public Task Stop(Guid run, string reason, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.lane_runs SET stop_reason = COALESCE(stop_reason, {reason}) WHERE run_id = {run}", cancellation);

    /// <summary>The same, where a cap of dollars is the reason.</summary>
    public Task StopAtCap(Guid run, string reason, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.lane_runs SET stop_reason = {reason}, is_cap_reached = true WHERE run_id = {run} AND stop_reason IS NULL",
        cancellation);

    /// <summary>Whether a cap of dollars stopped the run; never in a database of an earlier version.</summary>
    public Task<bool> IsCapReached(Guid run, CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"SELECT COALESCE((to_jsonb(r) ->> 'is_cap_reached')::boolean, false) FROM embedding.lane_runs r WHERE run_id = {run}",
        cancellation);

    public Task<string?> StopReason(Guid run, CancellationToken cancellation) =>
        database.ScalarAsync<string>($"SELECT stop_reason FROM embedding.lane_runs WHERE run_id = {run}", cancellation);

    /// <summary>Remembers how many tokens may be queued, and lets the run send no batch for a while.</summary>
    public Task Limit(Guid run, long tokens, TimeSpan pause, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.lane_runs SET token_limit = {tokens}, submit_after = now() + {pause} WHERE run_id = {run}", cancellation);

    /// <summary>The tokens of a model in batches on their way, of all runs.</summary>
    public Task<long> QueuedTokens(string model, CancellationToken cancellation) => database.ScalarAsync<long>(
        $"SELECT COALESCE(sum(tokens), 0)::bigint FROM embedding.lane_batches WHERE model = {model}", cancellation);

    public Task<List<LaneBatchRow>> Batches(Guid run, CancellationToken cancellation) => database.QueryAsync(
        FindBatches(run),
        row => new LaneBatchRow(
            row.GetGuid(0), Enum.Parse<LaneBatchStatus>(row.GetString(1), ignoreCase: true), row.Text(2), row.Text(3), row.GetInt64(4),
            row.GetFieldValue<DateTimeOffset>(5), row.GetTimeSpan(6), row.GetInt32(7)), cancellation);

    /// <returns>The batches of a corpus; none in a database of an earlier version.</returns>
    public async Task<IReadOnlyList<BatchOnItsWay>> OfCorpus(string corpus, CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(
                $"""
                SELECT b.id, b.run_id, b.provider_id, b.status, b.inputs, b.tokens, b.created_at
                FROM   embedding.lane_batches b JOIN embedding.lane_runs r USING (run_id)
                WHERE  r.corpus = {corpus} ORDER BY b.created_at, b.id
                """,
                row => new BatchOnItsWay(
                    row.GetGuid(0), row.GetGuid(1), row.Text(2), row.GetString(3), row.GetInt32(4), row.GetInt64(5),
                    row.GetFieldValue<DateTimeOffset>(6)), cancellation);
        }
        catch (PostgresException e) when (IsUnknown(e))
        {
            return [];
        }
    }

    /// <returns>The number of a corpus's batches that the provider may have; null: no run of it is on the lane.</returns>
    public async Task<long?> OnTheirWay(string corpus, CancellationToken cancellation)
    {
        try
        {
            return await database.ScalarAsync<long?>(
                $"""
                SELECT count(b.id)
                FROM   embedding.lane_runs r LEFT JOIN embedding.lane_batches b ON b.run_id = r.run_id AND b.status <> 'building'
                WHERE  r.corpus = {corpus} HAVING count(*) > 0
                """,
                cancellation);
        }
        catch (PostgresException e) when (IsUnknown(e))
        {
            return null;
        }
    }

    public Task Add(Guid batch, Guid run, string model, CancellationToken cancellation) => database.ExecuteAsync(
        $"INSERT INTO embedding.lane_batches (id, run_id, model) VALUES ({batch}, {run}, {model})", cancellation);

    /// <summary>The provider has the file.</summary>
    public Task Uploaded(Guid batch, string file, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.lane_batches SET status = 'uploaded', input_file = {file} WHERE id = {batch}", cancellation);

    /// <summary>The provider has the batch.</summary>
    public Task Sent(Guid batch, string providerId, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.lane_batches SET status = 'sent', provider_id = {providerId} WHERE id = {batch}", cancellation);

    /// <summary>The provider was asked to end the batch.</summary>
    public Task Cancelling(Guid batch, CancellationToken cancellation) =>
        database.ExecuteAsync($"UPDATE embedding.lane_batches SET status = 'cancelling' WHERE id = {batch}", cancellation);

    private static bool IsUnknown(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName;

    private static DatabaseNotReadyException NotMigrated(string corpus) =>
        new($"The database has no tables for the batch lane yet: run 'embeddings migrate {corpus}'.");
}

/// <param name="Token">Shows that the run is the caller's.</param>
/// <param name="TokenLimit">What was learnt of the tokens that may be queued; null: nothing.</param>
/// <param name="MaySend">False: the queue was full a moment ago.</param>
internal sealed record LaneRun(Guid Id, string Corpus, Guid Token, long? TokenLimit, bool MaySend);

internal enum LaneBatchStatus
{
    Building,
    Uploaded,
    Sent,
    Cancelling,
}

/// <param name="Age">By the database's clock.</param>
internal sealed record LaneBatchRow(
    Guid Id, LaneBatchStatus Status, string? InputFile, string? ProviderId, long Tokens, DateTimeOffset CreatedAt, TimeSpan Age,
    int Inputs)
{
    /// <summary>The provider answers within 24 hours: after this a batch counts as expired.</summary>
    public bool IsOverdue => Age > ClaimStore.LaneTime;
}
