using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.BatchLane;

/// <summary>Which item stands on which line of a batch, and the claims that keep other runs from it meanwhile.</summary>
internal sealed class LaneItems(NpgsqlDataSource database)
{
    // The claim's attempt is given back, and its lease becomes a wait that ends with an edit of the text.
    private static SqlText Hold(Claim claim, Guid batch, IReadOnlyList<PlacedItem> items) =>
        $"""
        WITH input AS (
            SELECT * FROM unnest(
                {items.Select(item => item.Id).ToArray()}::text[], {items.Select(item => item.Line).ToArray()}::int[],
                {items.Select(item => item.Hash).ToArray()}::text[]) AS i (item_id, line, content_hash)
        ),
        held AS (
            UPDATE embedding.claims c
            SET    token = NULL, leased_until = NULL, attempts = c.attempts - 1, reason = NULL, retry_at = now() + {ClaimStore.LaneTime}
            WHERE  c.token = {claim.Token} AND c.item_id IN (SELECT item_id FROM input)
            RETURNING c.item_id, c.version
        )
        INSERT INTO embedding.lane_items (batch_id, line, corpus, kind, partition, item_id, version, content_hash)
        SELECT {batch}, i.line, {claim.Corpus.Corpus.Name}, {claim.Table.Kind}, {claim.Partition}, i.item_id, h.version, i.content_hash
        FROM   input i JOIN held h USING (item_id)
        """;

    private static SqlText Seal(Guid batch, LaneFile file) =>
        $"""
        WITH lines AS (
            INSERT INTO embedding.lane_lines (batch_id, line, fingerprints)
            SELECT {batch}, line, array_agg(fingerprint ORDER BY place)
            FROM   unnest(
                       {file.Places.Select(place => place.Line).ToArray()}::int[],
                       {file.Places.Select(place => place.Fingerprint).ToArray()}::text[])
                   WITH ORDINALITY AS f (line, fingerprint, place)
            GROUP  BY line
        )
        UPDATE embedding.lane_batches SET inputs = {file.Places.Count}, tokens = {file.Tokens} WHERE id = {batch}
        """;

    // What is on another line too stays held.
    private static SqlText Free(Guid batch, int? line) =>
        $"""
        WITH gone AS (
            DELETE FROM embedding.lane_items WHERE batch_id = {batch} AND ({line}::int IS NULL OR line = {line})
            RETURNING corpus, kind, item_id, version
        ),
        free AS (
            SELECT * FROM gone g
            WHERE  {line}::int IS NULL OR NOT EXISTS (
                SELECT FROM embedding.lane_items o
                WHERE  o.batch_id = {batch} AND o.line <> {line} AND o.kind = g.kind AND o.item_id = g.item_id)
        ),
        forgotten AS (
            DELETE FROM embedding.claims c USING free f
            WHERE  {IsHeld} AND c.attempts = 0
        ),
        freed AS (
            UPDATE embedding.claims c SET retry_at = NULL FROM free f
            WHERE  {IsHeld} AND c.attempts > 0
        )
        DELETE FROM embedding.lane_lines WHERE batch_id = {batch} AND ({line}::int IS NULL OR line = {line})
        RETURNING line
        """;

    private static SqlText IsHeld =>
        $"""
        c.corpus = f.corpus AND c.kind = f.kind AND c.item_id = f.item_id AND c.version = f.version AND c.token IS NULL AND c.reason IS NULL
        """;

    private static SqlText Record(Guid run, LaneLine line, string kind, string partition, int superseded, long tokens) =>
        $"""
        INSERT INTO embedding.batches (id, run_id, kind, partition, claimed, changed, requests, tokens)
        SELECT gen_random_uuid(), {run}, {kind}, {partition}, {superseded}, {superseded}, 1, {tokens}
        FROM   embedding.lane_lines WHERE batch_id = {line.Batch} AND line = {line.Number}
        """;

    private static SqlText FindLine(Guid batch, int line) =>
        $"""
        SELECT l.fingerprints, i.kind, i.partition
        FROM   embedding.lane_lines l
        LEFT   JOIN (SELECT DISTINCT kind, partition FROM embedding.lane_items WHERE batch_id = {batch} AND line = {line}) i ON true
        WHERE  l.batch_id = {batch} AND l.line = {line}
        ORDER  BY i.kind, i.partition
        """;

    /// <summary>Puts claimed items on their lines; from now on no other run takes them.</summary>
    public Task Hold(Claim claim, Guid batch, IReadOnlyList<PlacedItem> items, CancellationToken cancellation) =>
        items.Count == 0 ? Task.CompletedTask : database.ExecuteAsync(LaneItems.Hold(claim, batch, items), cancellation);

    /// <summary>Records which texts are on which lines.</summary>
    public Task Record(Guid batch, LaneFile file, CancellationToken cancellation) =>
        database.ExecuteAsync(Seal(batch, file), cancellation);

    /// <returns>Of these texts those that are in another batch on its way.</returns>
    public async Task<IReadOnlySet<string>> OnTheirWay(string corpus, string[] hashes, Guid except, CancellationToken cancellation) =>
        (await database.QueryAsync(
            $"""
            SELECT DISTINCT content_hash FROM embedding.lane_items
            WHERE  content_hash = ANY ({hashes}) AND corpus = {corpus} AND batch_id <> {except}
            """,
            row => row.GetString(0), cancellation)).ToHashSet();

    /// <returns>How many items a run has in batches.</returns>
    public async Task<int> Count(Guid run, CancellationToken cancellation) => (int)await database.ScalarAsync<long>(
        $"""
        SELECT count(DISTINCT (i.kind, i.item_id)) FROM embedding.lane_items i JOIN embedding.lane_batches b ON b.id = i.batch_id
        WHERE  b.run_id = {run}
        """,
        cancellation);

    /// <returns>The lines that were not dealt with yet.</returns>
    public Task<List<int>> Lines(Guid batch, CancellationToken cancellation) => database.QueryAsync(
        $"SELECT line FROM embedding.lane_lines WHERE batch_id = {batch} ORDER BY line", row => row.GetInt32(0), cancellation);

    /// <returns>A line's texts and the kinds and partitions of its items; null: it was dealt with, or there is no such line.</returns>
    public async Task<OpenLine?> Find(Guid batch, int line, CancellationToken cancellation)
    {
        var rows = await database.QueryAsync(
            FindLine(batch, line), row => (Texts: row.GetFieldValue<string[]>(0), Kind: row.Text(1), Partition: row.Text(2)), cancellation);
        return rows.Count == 0 ? null : new OpenLine(
            rows[0].Texts, rows.Where(row => row.Kind is not null).Select(row => (row.Kind!, row.Partition!)).ToList());
    }

    /// <returns>How many items of a line have another text now, or are gone.</returns>
    public async Task<int> Superseded(
        LaneLine line, ResolvedTable table, string partition, CancellationToken cancellation) => (int)await database.ScalarAsync<long>(
        $"""
        SELECT count(*) FROM embedding.lane_items l
        WHERE  l.batch_id = {line.Batch} AND l.line = {line.Number} AND l.kind = {table.Kind} AND l.partition = {partition}
        AND    NOT EXISTS (
            SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} l.item_id::{table.IdType} AND {table.Version} = l.version)
        """,
        cancellation);

    /// <returns>Whether another worker, perhaps one that is gone, holds items of a line with the text that was sent.</returns>
    public Task<bool> AreHeld(LaneLine line, string kind, CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"""
        SELECT EXISTS (
            SELECT FROM embedding.lane_items l
            JOIN   embedding.claims c ON c.corpus = l.corpus AND c.kind = l.kind AND c.item_id = l.item_id AND c.version = l.version
            WHERE  l.batch_id = {line.Batch} AND l.line = {line.Number} AND l.kind = {kind} AND c.leased_until > now())
        """,
        cancellation);

    /// <summary>Deals with a line for good: what is left of it is pending. What it cost is recorded once.</summary>
    public Task End(
        Guid run, LaneLine line, (string Kind, string Partition) of, int superseded, long tokens, CancellationToken cancellation) =>
        database.ExecuteAsync(
            [Record(run, line, of.Kind, of.Partition, superseded, tokens), Free(line.Batch, line.Number)], cancellation);

    /// <summary>The same of a line that cost nothing.</summary>
    public Task End(LaneLine line, CancellationToken cancellation) => database.ExecuteAsync(Free(line.Batch, line.Number), cancellation);

    /// <summary>Forgets a batch; its items are pending.</summary>
    public Task Drop(Guid batch, CancellationToken cancellation) => database.ExecuteAsync(
        [Free(batch, line: null), $"DELETE FROM embedding.lane_batches WHERE id = {batch}"], cancellation);
}

/// <summary>An item on a line; one whose chunks are on several lines is several.</summary>
internal sealed record PlacedItem(string Id, string Hash, int Line);

/// <param name="Fingerprints">Of its inputs, in their order; empty of one that was erased.</param>
internal sealed record OpenLine(string[] Fingerprints, IReadOnlyList<(string Kind, string Partition)> Groups);
