using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Finds what to embed next: highest priority first, then partition by partition in turn; each batch takes its partition's newest items.
/// </summary>
internal sealed class PagePlanner(
    ResolvedCorpora corpora, SourceChanges changes, BatchSizes sizes, NpgsqlDataSource database, TimeProvider time)
{
    // While others hold items, how often to look whether they have let go.
    private static readonly TimeSpan _longestLook = TimeSpan.FromSeconds(5);

    // Where requests share a claim and a write, batches that remain in flight.
    private const int Shared = 4;

    // How long from now, not until when: this machine's clock and the database's need not agree.
    private static SqlText FindHeld(ResolvedCorpus corpus, RunRequest request, IReadOnlyList<string> busy) =>
        $"""
        SELECT LEAST(leased_until - now(), {_longestLook})
        FROM   embedding.claims
        WHERE  corpus = {request.Corpus}
        AND    leased_until > now()
        AND    ({request.Partition}::text IS NULL OR partition = {request.Partition})
        AND    (cardinality({request.Kinds.ToArray()}::text[]) = 0 OR kind = ANY ({request.Kinds.ToArray()}))
        AND    partition <> ALL ({busy.ToArray()}::text[]){HeldOf(corpus, request)}
        ORDER  BY leased_until
        LIMIT  1
        """;

    /// <summary>Plans a page of the rows as they are now.</summary>
    public async Task<PlannedPage> Plan(PlanPage command, CancellationToken cancellation)
    {
        var corpus = await corpora.Get(command.Run.Request.Corpus, cancellation);
        await changes.Settle(corpus, cancellation);
        // Asked before the page is planned: what is let go between the two is then seen by one of them.
        var heldUntil = await HeldUntil(corpus, command, cancellation);
        var (page, hasAll) = await Page(corpus, command, cancellation);
        return page.Count > 0
            ? new PlannedPage(page, page[^1].Partition) { HasAll = hasAll && command.Busy.Count == 0 }
            // And after it: what was taken between the two.
            : new PlannedPage([], command.Cursor, heldUntil ?? await HeldUntil(corpus, command, cancellation));
    }

    /// <summary>Counts the pending items of a run's scope, at most to its limit.</summary>
    public async Task<int> Count(RunInput run, DateTimeOffset? forceBefore, CancellationToken cancellation)
    {
        var request = run.Request;
        var corpus = await corpora.Get(request.Corpus, cancellation);
        await changes.Settle(corpus, cancellation);
        await changes.ReadWords(corpus, cancellation);
        var total = request is { Partition: null, Kinds.Count: 0, Selection: null } && forceBefore is null
            ? await Requested(corpus, cancellation)
            : 0;
        foreach (var table in InScope(corpus, request))
        {
            total += await database.ScalarAsync<long>(
                $"""
                SELECT count(*)
                FROM   {table.Target} t
                WHERE  {table.DueIn(run.RunId, request.Scope(forceBefore), forceBefore)}
                       {corpus.AndIsActive(table)}{table.Selected(request.Selection)}
                AND    {ClaimStatements.NotHeld(corpus, table)}
                AND    ({request.Partition}::text IS NULL OR {table.Partition}::text = {request.Partition})
                """,
                cancellation, Sql.TimeoutOfCounts);
        }

        return (int)Math.Min(total, request.Limit ?? int.MaxValue);
    }

    // Items that the queue asks for, which no run has taken and which are not pending by themselves.
    private async Task<long> Requested(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var requested = 0L;
        foreach (var table in corpus.Tables.Where(table => table.Queue != QueuedText.None))
        {
            requested += await database.ScalarAsync<long>(
                $"""
                SELECT count(*) FROM embedding_queue q JOIN {table.Table} t ON {table.Id} {Sql.Is} {QueueSql.Key(table)}
                WHERE  {QueueSql.IsOf(table)} AND q.status = 'pending' AND q.taken_at IS NULL
                AND    ({table.Pending}) IS NOT TRUE{table.Filter}{QueueSql.InItsOwnersName(table)}
                """,
                cancellation, Sql.TimeoutOfCounts);
        }

        return requested;
    }

    internal static IEnumerable<ResolvedTable> InScope(ResolvedCorpus corpus, RunRequest request) =>
        corpus.Tables.Where(table => request.Kinds.Count == 0 || request.Kinds.Contains(table.Kind));

    /// <returns>A page, and whether nothing was left out for lack of room.</returns>
    private async Task<(List<PlannedBatch> Batches, bool HasAll)> Page(
        ResolvedCorpus corpus, PlanPage command, CancellationToken cancellation)
    {
        var request = command.Run.Request;
        var (declared, batches) = (request.BatchSize ?? corpus.Corpus.BatchSize, request.BatchesPerActivity ?? 1);
        var largest = InScope(corpus, request).Max(table => declared ?? sizes.Of(corpus.Corpus, table.Kind));
        var hasLanes = corpus.Corpus.LanesPerPartition is not null;
        var pageSize = request.PageSize
            ?? Math.Max(corpus.Corpus.PageSize, declared is null || !hasLanes ? largest * request.Concurrency : 0);
        var room = Math.Min(command.Items, pageSize * batches);
        var lanes = corpus.Corpus.LanesPerPartition ?? request.Concurrency;
        var (page, hasAll, partitions) = (new List<PlannedBatch>(), true, (room + largest - 1) / largest);
        foreach (var priority in InScope(corpus, request).GroupBy(table => table.Priority).OrderByDescending(group => group.Key))
        {
            var pending = new List<PendingItems>();
            foreach (var table in priority)
            {
                var partitionsWithItems = await database.QueryAsync(
                    Statement(corpus, table, command, room, partitions),
                    row => new PendingItems(table.Kind, row.GetString(0), (int)row.GetInt64(1)), cancellation);
                pending.AddRange(partitionsWithItems);
                hasAll &= corpus.ActivePartitions is null || partitionsWithItems.Count < partitions;
            }

            var found = pending.Sum(items => items.Count);
            // Where the size is declared, and lanes do not count batches, several requests share a claim and a write.
            var together = declared is not { } size || hasLanes ? 1
                : Math.Clamp(found / (size * Shared), 1, Math.Max(1, request.Concurrency / Shared));
            int BatchSize(string kind) => declared * together ?? sizes.Of(corpus.Corpus, kind, found, request.Concurrency);
            // Few enough batches one after the other that no lane of the partition stays empty.
            int OrderSize(PendingItems items) => BatchSize(items.Kind)
                * Math.Clamp((int)Math.Ceiling((double)items.Count / BatchSize(items.Kind) / lanes), 1, batches);
            page.AddRange(Deal(pending, command.Cursor, OrderSize, room - page.Sum(batch => batch.Count)).Select(batch => batch with
            {
                Size = batch.Count > BatchSize(batch.Kind) ? BatchSize(batch.Kind) : null,
                IsSizeAutomatic = declared is null && batch.Count > BatchSize(batch.Kind),
                Inputs = together > 1 ? declared : null,
            }));
            if (page.Sum(batch => batch.Count) >= room)
            {
                return (page, false);
            }
        }

        return (page, hasAll);
    }

    // Each partition costs one look into the partial index, and only those looked at until the page is full are looked at:
    // so a page costs the same however many items are pending.
    internal static SqlText Statement(ResolvedCorpus corpus, ResolvedTable table, PlanPage command, int room, int partitions)
    {
        var (request, before) = (command.Run.Request, command.Run.Opened?.ForceBefore);
        var scope = request.Scope(before);
        return
            $"""
            SELECT a.partition, n.items
            FROM (
                SELECT key, key::text AS partition
                FROM   ({corpus.ActivePartitions ?? Sql.Of($"SELECT '' AS key")}) active
                WHERE  key::text <> ALL ({command.Busy.ToArray()}::text[])
                AND    ({request.Partition}::text IS NULL OR key::text = {request.Partition})
                ORDER  BY key::text <= {command.Cursor}, key::text
            ) a
            CROSS JOIN LATERAL (
                SELECT count(*) AS items
                FROM (
                    SELECT 1
                    FROM   {table.Target} t
                    WHERE  {table.Partition} {table.IsPartition} a.key
                    AND    {table.DueIn(command.Run.RunId, scope, before)}{table.Selected(request.Selection)}
                    AND    {ClaimStatements.NotHeld(corpus, table)}
                    ORDER  BY {table.Order(scope)}
                    LIMIT  {room}
                ) next
            ) n
            WHERE  n.items > 0
            LIMIT  {partitions}
            """;
    }

    /// <summary>Deals batches to the partitions in turn, beginning behind the one served last.</summary>
    internal static List<PlannedBatch> Deal(IReadOnlyList<PendingItems> pending, string cursor, Func<PendingItems, int> size, int room)
    {
        var partitions = pending.GroupBy(items => items.Partition)
            .OrderBy(group => string.CompareOrdinal(group.Key, cursor) <= 0).ThenBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new Queue<PlannedBatch>(group.SelectMany(items => Cut(items, size(items)))))
            .ToList();
        var page = new List<PlannedBatch>();
        while (room > 0 && partitions.Exists(batches => batches.Count > 0))
        {
            foreach (var batches in partitions.Where(batches => batches.Count > 0 && room > 0))
            {
                var batch = batches.Dequeue();
                page.Add(batch with { Count = Math.Min(batch.Count, room) });
                room -= page[^1].Count;
            }
        }

        return page;
    }

    private static IEnumerable<PlannedBatch> Cut(PendingItems items, int size)
    {
        for (var left = items.Count; left > 0; left -= size)
        {
            yield return new PlannedBatch(items.Kind, items.Partition, Math.Min(left, size));
        }
    }

    private async Task<DateTimeOffset?> HeldUntil(ResolvedCorpus corpus, PlanPage command, CancellationToken cancellation) =>
        await database.ScalarAsync<TimeSpan?>(FindHeld(corpus, command.Run.Request, command.Busy), cancellation) is { } wait
            ? time.GetUtcNow() + wait
            : null;

    // A run that is confined to some items does not wait for others that a worker holds.
    private static SqlText HeldOf(ResolvedCorpus corpus, RunRequest request)
    {
        if (request.Selection is null)
        {
            return Sql.Empty;
        }

        var kinds = InScope(corpus, request).Select(table => Sql.Of(
            $"""
            WHEN {table.Kind} THEN EXISTS (
                SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} item_id::{table.IdType}{table.Selected(request.Selection)})
            """));
        return Sql.Of($" AND CASE kind {Sql.Join(" ", kinds)} END");
    }
}

/// <summary>How many items of a kind are pending in a partition, counted no further than a page needs.</summary>
internal sealed record PendingItems(string Kind, string Partition, int Count);
