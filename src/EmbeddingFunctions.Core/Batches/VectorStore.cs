using System.Collections.Concurrent;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Storage.Migrations;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Writes what a batch has to say of its items: one statement, whole or not at all; of many chunks some hundred at a time before it.
/// </summary>
internal sealed class VectorStore(NpgsqlDataSource database)
{
    /// <summary>
    /// A condition that is always true. For its statement alone it sets how long to wait for a row that another transaction holds, half as
    /// long as
    /// Postgres waits before it ends one of two that wait for each other (deadlock_timeout), so that it is never the application's
    /// statement;
    /// and it marks the statement as the engine's own, see <see cref="Sql.Writing"/>, and as one that changes no text itself: a text that
    /// changes
    /// all the same was changed by a trigger.
    /// </summary>
    public const string OwnWrite =
        $"set_config('lock_timeout', '500ms', true) || set_config('{EditTriggerShape.KeepsText}', 'on', true) IS NOT NULL AND "
            + $"{Sql.Writing}";

    // An insert into a large HNSW index on a small server.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _patiencePerVector = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<(BoundTable, bool), string> _write = new();

    /// <summary>
    /// Writes outcomes to the rows that are still what was read, whose partition may still embed and whose claim is still held, ends those
    /// claims, and records the batch. Written again after a lost connection it finds no claims and changes nothing.
    /// </summary>
    /// <param name="claim">Its token is shown for every row.</param>
    /// <param name="batchId">The batch that is recorded.</param>
    /// <param name="outcomes">What to write.</param>
    /// <param name="counts">What the batch claimed, sent and paid.</param>
    /// <param name="cancellation">Ends the statement.</param>
    /// <returns>The batch's counts as committed.</returns>
    public Task<BatchCounts> Write(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, BatchCounts counts, CancellationToken cancellation) =>
        Write(claim, batchId, outcomes, counts, skipLocked: false, cancellation);

    /// <summary>The same, but rows that others are working on are left out; their claims stay.</summary>
    public Task<BatchCounts> WriteUnlocked(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, BatchCounts counts, CancellationToken cancellation) =>
        Write(claim, batchId, outcomes, counts, skipLocked: true, cancellation);

    private async Task<BatchCounts> Write(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, BatchCounts counts, bool skipLocked, CancellationToken cancellation)
    {
        var chunks = ChunkWrite.Of(outcomes);
        if (chunks.Count > ChunkWrite.Part)
        {
            await WriteParts(claim, chunks, skipLocked, cancellation);
            chunks = [];
        }

        var sql = _write.GetOrAdd((claim.Table, skipLocked), key => Statement(claim.Corpus, key.Item1, key.Item2));
        var vectors = outcomes.Where(outcome => outcome.Outcome == Outcome.Embedded).Select(outcome => outcome.Vector)
            .Concat(chunks.Select(chunk => chunk.Embedded.Vector)).ToList();
        var slots = Slots(outcomes);
        await using var command = Command(sql, vectors.Count,
        [
            outcomes.Select(o => o.Item.Id).ToArray(), outcomes.Select(o => o.Item.Version).ToArray(),
            outcomes.Select(o => o.Outcome.ToString()).ToArray(), outcomes.Select(o => o.Hash).ToArray(), slots,
            Flat(vectors, claim.Corpus.Corpus.Dimensions), claim.Table.Kind, claim.Token, claim.Partition,
            batchId, claim.RunId, counts.Claimed, counts.Cached, counts.Requests, counts.Tokens, counts.SavedTokens,
            outcomes.Select(o => o.LeftOut).ToArray(), outcomes.Select(o => o.Chunks.Count).ToArray(),
            .. claim.Table.ChunkTable is null ? [] : ChunkWrite.Values(chunks, slots.DefaultIfEmpty().Max() + 1),
        ]);
        return await BatchRow.Read(command, cancellation);
    }

    private async Task WriteParts(Claim claim, IReadOnlyList<PlacedChunk> chunks, bool skipLocked, CancellationToken cancellation)
    {
        var dimensions = claim.Corpus.Corpus.Dimensions;
        var sql = ChunkWrite.WritePart(claim.Table, slot => Vector(slot, claim.Table, dimensions), skipLocked);
        foreach (var part in chunks.Chunk(ChunkWrite.Part))
        {
            var items = part.Select(chunk => chunk.Item).Distinct().ToList();
            await using var command = Command(sql, part.Length,
            [
                items.Select(item => item.Id).ToArray(), items.Select(item => item.Version).ToArray(), claim.Token, claim.Partition,
                claim.Table.Kind,
                Flat(part.Select(chunk => chunk.Embedded.Vector).ToList(), dimensions), .. ChunkWrite.Values(part, slot: 1),
            ]);
            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    private NpgsqlCommand Command(string sql, int vectors, object[] values)
    {
        var command = database.CreateCommand(sql);
        command.CommandTimeout = (int)(_patience + (vectors * _patiencePerVector)).TotalSeconds;
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return command;
    }

    private static string Vector(string slot, BoundTable table, int dimensions) =>
        $"($6::real[])[({slot} - 1) * {dimensions} + 1 : {slot} * {dimensions}]::{table.VectorColumnType}";

    // Where in the flat array an outcome's vector begins, counted in vectors from 1; 0 for outcomes without one.
    private static int[] Slots(IReadOnlyList<ItemOutcome> outcomes)
    {
        var next = 0;
        return outcomes.Select(outcome => outcome.Outcome == Outcome.Embedded ? ++next : 0).ToArray();
    }

    // One flat array instead of a vector type: no type plug-in, no temporary table, and four times the speed of a row at a time.
    private static float[] Flat(List<ReadOnlyMemory<float>> vectors, int dimensions)
    {
        var flat = new float[vectors.Count * dimensions];
        for (var i = 0; i < vectors.Count; i++)
        {
            vectors[i].CopyTo(flat.AsMemory(i * dimensions, dimensions));
        }

        return flat;
    }

    private static string Statement(BoundCorpus corpus, BoundTable table, bool skipLocked)
    {
        var dimensions = corpus.Corpus.Dimensions;
        string Vector(string slot) => VectorStore.Vector(slot, table, dimensions);
        var active = corpus.ActivePartitions is null
            ? ""
            : $"AND $9::{table.PartitionType} {table.IsPartition} ANY ({corpus.ActivePartitions})";
        return
            $"""
            WITH input AS (
                SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::int[], $17::int[], $18::int[]) AS i (item_id,
                    version, outcome, hash, slot, left_out, chunks)
                WHERE  {OwnWrite}
            ),
            {(skipLocked ? Free(table) : "free AS (SELECT * FROM input),")}
            held AS (
                DELETE FROM embedding_claims c
                USING  free i
                WHERE  c.token = $8 AND c.item_id = i.item_id
                RETURNING c.item_id
            ),
            written AS (
                UPDATE {table.Table} t
                SET    {table.VectorName} = CASE i.outcome WHEN '{nameof(Outcome.Embedded)}' THEN {Vector("i.slot")}
                                                  WHEN '{nameof(Outcome.Unchanged)}' THEN {table.Vector} END,
                       {Sql.Identifier(table.Own.GeneratedAt)} = clock_timestamp(),
                       {Sql.Identifier(table.Own.Model)} = {Sql.Literal(table.Rule.Model)},
                       {table.RuleName} = {Sql.Literal(table.Rule.Id)},
                       {Sql.Identifier(table.Own.Truncated)} = NULLIF(i.left_out, 0),
                       {table.HashName} = i.hash
                FROM   input i
                JOIN   held h USING (item_id)
                WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType}
                AND    {table.Partition} {table.IsPartition} $9::{table.PartitionType} {active}
                AND    {table.Version} = i.version
                RETURNING i.item_id, i.outcome, i.hash, {table.Vector} AS embedding
            ),
            {(corpus.Corpus.SimilarityCache ? SimilarityCache(table) : "")}
            {ChunkWrite.Replace(table, first: 19, Vector)}
            counted AS (
                SELECT count(*) FILTER (WHERE outcome = '{nameof(Outcome.Embedded)}')::int AS embedded,
                       count(*) FILTER (WHERE outcome = '{nameof(Outcome.Unchanged)}')::int AS unchanged,
                       count(*) FILTER (WHERE outcome = '{nameof(Outcome.Empty)}')::int AS empty,
                       (SELECT count(*) FROM held)::int - count(*)::int AS changed
                FROM   written
            )
            INSERT INTO embedding_batches AS b (id, run_id, kind, partition, claimed, embedded, unchanged, empty, changed, cached, requests,
                tokens, saved_tokens)
            SELECT $10, $11, $7, $9, $12, embedded, unchanged, empty, changed, $13, $14, $15, $16
            FROM   counted
            {BatchRow.Add}
            """;
    }

    private static string Free(BoundTable table) =>
        $"""
        lockable AS (
            SELECT i.item_id FROM {table.Table} t JOIN input i ON {table.Id} {Sql.Is} i.item_id::{table.IdType}
            FOR    NO KEY UPDATE OF t SKIP LOCKED
        ),
        free AS (
            SELECT * FROM input i
            WHERE  item_id IN (SELECT item_id FROM lockable) OR NOT EXISTS (SELECT FROM {table.Table} t WHERE {table.Id} {Sql.Is}
                i.item_id::{table.IdType})
        ),
        """;

    // An entry that is written anew begins a new life: its age counts from now.
    private static string SimilarityCache(BoundTable table) =>
        $"""
            cached AS (
                INSERT INTO similarity_cache (repository_id, item_type, item_id, embedding, content_hash)
                SELECT $9::{table.PartitionType}, $7, item_id, embedding, hash
                FROM   written
                WHERE  outcome = '{nameof(Outcome.Embedded)}'
                ON CONFLICT (repository_id, item_type, item_id) DO UPDATE
                SET    embedding = EXCLUDED.embedding, content_hash = EXCLUDED.content_hash, ttl_hours = EXCLUDED.ttl_hours,
                       created_at = now(), accessed_at = now()
            ),
            uncached AS (
                DELETE FROM similarity_cache s
                USING  written w
                WHERE  w.outcome = '{nameof(Outcome.Empty)}'
                AND    s.repository_id = $9::{table.PartitionType} AND s.item_type = $7 AND s.item_id = w.item_id
            ),
        """;
}
