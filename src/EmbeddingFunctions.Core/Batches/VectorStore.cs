using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Writes a batch's outcomes in one atomic statement; many chunks are written before it, a few hundred a statement.
/// </summary>
internal sealed class VectorStore(NpgsqlDataSource database, LagStore lags)
{
    /// <summary>
    /// A condition that is always true. For its statement alone it sets how long to wait for a row that another transaction holds, half as
    /// long as Postgres waits before it ends one of two that wait for each other (deadlock_timeout), so that it is never the application's
    /// statement; and it marks the statement as the engine's own, see <see cref="Sql.MarkEngineWrite"/>, and as one that changes no text
    /// itself: a text that changes all the same was changed by a trigger.
    /// </summary>
    public static readonly SqlText MarkItemWrite = Sql.Of(
        $"""
        set_config('lock_timeout', '500ms', true) || set_config({Sql.Literal(Sql.KeepsText)}, 'on', true) IS NOT NULL
        AND    {Sql.MarkEngineWrite}
        """);

    // An insert into a large HNSW index on a small server.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _patiencePerVector = TimeSpan.FromMilliseconds(250);

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

        var statement = Statement(claim, batchId, outcomes, chunks, counts, skipLocked);
        var vectors = outcomes.Count(outcome => outcome.Outcome == Outcome.Embedded) + chunks.Count;
        var (written, waited) = (await database.QueryAsync(
            statement, row => (BatchRow.Read(row), BatchRow.ReadLags(row)), cancellation, Timeout(vectors))).Single();
        await lags.Record(claim.Corpus.Corpus, waited);
        return written;
    }

    private async Task WriteParts(Claim claim, IReadOnlyList<PlacedChunk> chunks, bool skipLocked, CancellationToken cancellation)
    {
        foreach (var part in chunks.Chunk(ChunkWrite.Part))
        {
            await database.ExecuteAsync(ChunkWrite.WritePart(claim, part, skipLocked), cancellation, Timeout(part.Length));
        }
    }

    private static TimeSpan Timeout(int vectors) => _patience + (vectors * _patiencePerVector);

    // Where in the array of vectors an outcome's own is, counted from 1; 0 for outcomes without one.
    private static int[] Slots(IReadOnlyList<ItemOutcome> outcomes)
    {
        var next = 0;
        return outcomes.Select(outcome => outcome.Outcome == Outcome.Embedded ? ++next : 0).ToArray();
    }

    // As text: tests/EmbeddingFunctions.Core.Tests/Sql/write-vectors.approved.sql.
    internal static SqlText Statement(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, IReadOnlyList<PlacedChunk> chunks, BatchCounts counts,
        bool skipLocked)
    {
        var (corpus, table) = (claim.Corpus, claim.Table);
        var partition = Sql.Of($"{claim.Partition}::{table.PartitionType}");
        var slots = Slots(outcomes);
        var edits = outcomes.Select(outcome => outcome.Item.EditedAt).ToArray();
        var isTimed = edits.Any(edit => edit is not null);
        var chunkCounts = outcomes.Select(o => o.Chunks.Count).ToArray();
        var andEdits = Sql.When(isTimed, $", {edits}::timestamptz[]");
        var vectors = new FlatVectors(
            outcomes.Where(outcome => outcome.Outcome == Outcome.Embedded).Select(outcome => outcome.Vector)
                .Concat(chunks.Select(chunk => chunk.Embedded.Vector)).ToList(),
            table, corpus.Corpus.Dimensions);
        return
            $"""
            WITH input AS (
                SELECT *
                FROM   unnest(
                           {outcomes.Select(o => o.Item.Id).ToArray()}::text[], {outcomes.Select(o => o.Item.Version).ToArray()}::bytea[],
                           {outcomes.Select(o => o.Outcome.ToString()).ToArray()}::text[], {outcomes.Select(o => o.Hash).ToArray()}::text[],
                           {outcomes.Select(o => o.State).ToArray()}::text[], {slots}::int[],
                           {outcomes.Select(o => o.LeftOut).ToArray()}::int[], {chunkCounts}::int[]{andEdits})
                       AS i (item_id, version, outcome, hash, state, slot, left_out, chunks{Sql.When(isTimed, $", edited_at")})
                WHERE  {MarkItemWrite}
            ),
            {(skipLocked ? Free(table) : Sql.Of($"free AS (SELECT * FROM input),"))}
            held AS (
                DELETE FROM embedding.claims c
                USING  free i
                WHERE  c.token = {claim.Token} AND c.item_id = i.item_id
                RETURNING c.item_id
            ),
            written AS (
                UPDATE {table.Target} t
                SET    {table.VectorName} = CASE i.outcome WHEN {Is(Outcome.Embedded)} THEN {vectors.Of($"i.slot")}
                                                  WHEN {Is(Outcome.Unchanged)} THEN {table.Vector} END,
                       {Sql.Identifier(table.Own.GeneratedAt)} = clock_timestamp(),
                       {Sql.Identifier(table.Own.Model)} = {Sql.Literal(table.Rule.Model)},
                       {table.RuleName} = {Sql.Literal(table.Rule.Id)},
                       {Sql.Identifier(table.Own.Truncated)} = NULLIF(i.left_out, 0),
                       {table.HashName} = i.hash, {table.StateName} = i.state
                FROM   input i
                JOIN   held h USING (item_id)
                WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType}
                AND    {table.Partition} {table.IsPartition} {partition} {corpus.AndIsActive(table, partition)}
                AND    {table.Version} = i.version{table.AndIsSettled}
                RETURNING i.item_id, i.outcome, i.hash, {table.Vector} AS embedding
            ),
            {(corpus.Corpus.SimilarityCache ? SimilarityCache(table, partition) : Sql.Empty)}
            {ChunkWrite.Replace(table, chunks, slots.DefaultIfEmpty().Max() + 1, vectors)}
            counted AS (
                SELECT count(*) FILTER (WHERE outcome = {Is(Outcome.Embedded)})::int AS embedded,
                       count(*) FILTER (WHERE outcome = {Is(Outcome.Unchanged)})::int AS unchanged,
                       count(*) FILTER (WHERE outcome = {Is(Outcome.Empty)})::int AS empty,
                       (SELECT count(*) FROM held)::int - count(*)::int AS changed
                FROM   written
            )
            INSERT INTO embedding.batches AS b
                   (id, run_id, kind, partition, claimed, embedded, unchanged, empty, changed, cached, requests, tokens, saved_tokens)
            SELECT {batchId}, {claim.RunId}, {table.Kind}, {claim.Partition}, {counts.Claimed}, embedded, unchanged, empty, changed,
                   {counts.Cached}, {counts.Requests}, {counts.Tokens}, {counts.SavedTokens}
            FROM   counted
            {BatchRow.Add}{Sql.When(isTimed, $",\n{Lags}")}
            """;
    }

    // In seconds, of the rows that were written.
    private static SqlText Lags =>
        $"""
        (SELECT array_agg(GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - i.edited_at))::double precision)
         FROM   written JOIN input i USING (item_id) WHERE i.edited_at IS NOT NULL)
        """;

    /// <summary>An outcome as the statement's input has it.</summary>
    internal static SqlText Is(Outcome outcome) => Sql.Literal(outcome.ToString());

    private static SqlText Free(ResolvedTable table) =>
        $"""
        lockable AS (
            SELECT i.item_id FROM {table.Target} t JOIN input i ON {table.Id} {Sql.Is} i.item_id::{table.IdType}
            FOR    NO KEY UPDATE OF t SKIP LOCKED
        ),
        free AS (
            SELECT * FROM input i
            WHERE  item_id IN (SELECT item_id FROM lockable)
            OR     NOT EXISTS (SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} i.item_id::{table.IdType})
        ),
        """;

    /// <summary>
    /// Copies the vectors in <c>written</c>. An entry that is written again begins a new life: its age counts from now.
    /// </summary>
    internal static SqlText SimilarityCache(ResolvedTable table, SqlText partition) =>
        $"""
        cached AS (
            INSERT INTO similarity_cache (repository_id, item_type, item_id, embedding, content_hash)
            SELECT {partition}, {table.Kind}, item_id, embedding, hash
            FROM   written
            WHERE  outcome = {Is(Outcome.Embedded)}
            ON CONFLICT (repository_id, item_type, item_id) DO UPDATE
            SET    embedding = EXCLUDED.embedding, content_hash = EXCLUDED.content_hash, ttl_hours = EXCLUDED.ttl_hours,
                   created_at = now(), accessed_at = now()
        ),
        uncached AS (
            DELETE FROM similarity_cache s
            USING  written w
            WHERE  w.outcome = {Is(Outcome.Empty)}
            AND    s.repository_id = {partition} AND s.item_type = {table.Kind} AND s.item_id = w.item_id
        ),
        """;
}

/// <summary>
/// Vectors as one array of numbers, of which a statement takes slices: no type plug-in, no temporary table, and four times the speed of a
/// row at a time.
/// </summary>
internal sealed class FlatVectors
{
    private readonly SqlValue _array;
    private readonly ResolvedTable _table;
    private readonly SqlText _dimensions;

    public FlatVectors(IReadOnlyList<ReadOnlyMemory<float>> vectors, ResolvedTable table, int dimensions)
    {
        var flat = new float[vectors.Count * dimensions];
        for (var i = 0; i < vectors.Count; i++)
        {
            vectors[i].CopyTo(flat.AsMemory(i * dimensions, dimensions));
        }

        (_array, _table, _dimensions) = (Sql.Value(flat), table, Sql.Literal(dimensions));
    }

    /// <summary>The vector with a number, counted from 1.</summary>
    public SqlText Of(SqlText slot) =>
        $"({_array}::real[])[({slot} - 1) * {_dimensions} + 1 : {slot} * {_dimensions}]::{_table.VectorColumnType}";
}
