using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Items that failed, for people: to look at, to have tried again, or to leave alone.</summary>
internal sealed class FailedItems
{
    private const int AtATime = 1_000;

    private static SqlText NotHeld => $"(c.leased_until IS NULL OR c.leased_until < now())";

    /// <summary>Whether a claim remembers a failure that a person has not ignored: an ignored item's has no attempts.</summary>
    public static SqlText IsFailure => $"c.reason IS NOT NULL AND c.attempts > 0";

    private static SqlText Chosen(string corpus, FailureFilter choice)
    {
        var (kinds, reason) = (Sql.Value(Kinds(choice)), Sql.Value(choice.Reason));
        var (kind, whole) = (Sql.Value(choice.Kind), Sql.Value(choice.WholeReason));
        return
            $"""
            c.corpus = {corpus} AND {IsFailure}
            AND   ({kind}::text IS NULL OR c.kind = {kind}) AND ({whole}::text IS NULL OR c.reason = {whole})
            AND   (cardinality({kinds}) = 0 OR (c.kind, c.item_id) IN (SELECT * FROM unnest({kinds}, {Ids(choice)})))
            AND   ({reason} IS NULL OR position(lower({reason}) IN lower(c.reason)) > 0)
            """;
    }

    private static SqlText FindFailed(string corpus, int limit) =>
        $"""
        SELECT c.kind, c.item_id, c.partition, c.reason, c.attempts, c.is_dead, c.failed_at, c.retry_at
        FROM   embedding.claims c
        WHERE  {Chosen(corpus, new FailureFilter([]))}
        ORDER  BY c.failed_at DESC, c.kind, c.item_id
        LIMIT  {limit}
        """;

    private static SqlText FindUnknown(string corpus, FailureFilter choice) =>
        $"""
        SELECT i.kind || ':' || i.item_id
        FROM   unnest({Kinds(choice)}, {Ids(choice)}) AS i (kind, item_id)
        WHERE  NOT EXISTS (
            SELECT FROM embedding.claims c
            WHERE  c.corpus = {corpus} AND c.kind = i.kind AND c.item_id = i.item_id AND {IsFailure})
        """;

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;

    public FailedItems(NpgsqlDataSource database, ResolvedCorpora corpora) => (_database, _corpora) = (database, corpora);

    /// <summary>The last to fail first.</summary>
    public async Task<IReadOnlyList<FailedItem>> List(string corpus, int limit, CancellationToken cancellation)
    {
        await _corpora.Get(corpus, cancellation);
        return await _database.QueryAsync(FindFailed(corpus, limit), row => new FailedItem(
            row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt32(4), row.GetBoolean(5),
            row.GetFieldValue<DateTimeOffset?>(6), row.GetFieldValue<DateTimeOffset?>(7)), cancellation);
    }

    /// <summary>
    /// Gives items their three attempts again, the ignored too if they are named; those that a run holds at this moment are left to it.
    /// </summary>
    /// <exception cref="NotFoundException">An item that was named has not failed.</exception>
    public async Task<RetriedItems> Retry(string name, FailureFilter choice, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        var ignored = await Ignored(corpus, choice, cancellation);
        var failed = choice with { Items = choice.Items.Except(ignored).ToList() };
        await EnsureKnown(name, failed, cancellation);
        var (retried, refused) = (0, 0);
        foreach (var table in corpus.Tables)
        {
            var revived = ignored.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToList();
            var chosen = failed.Items.Count == 0 && choice.Items.Count > 0 ? [] : await Failed(name, table, failed, cancellation);
            await Write(revived, some => Revive(name, table, some));
            await Write(chosen, some => Retry(name, table, some));
        }

        return new RetriedItems(retried, refused);

        async Task Write(List<string> ids, Func<string[], SqlText> statement)
        {
            foreach (var some in ids.Chunk(AtATime))
            {
                var (written, denied) = await BisectingWrite.Write(
                    some, part => _database.ScalarAsync<int>(statement([.. part]), cancellation));
                (retried, refused) = (retried + written, refused + denied);
            }
        }
    }

    /// <summary>
    /// Takes items out of the pending and the failed until their text changes; those that a run holds at this moment are left to it.
    /// </summary>
    /// <returns>How many, and how many were not because they were edited since they failed.</returns>
    /// <exception cref="NotFoundException">An item that was named has not failed.</exception>
    public async Task<IgnoredItems> Ignore(string name, FailureFilter choice, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        await EnsureKnown(name, choice, cancellation);
        var (ignored, edited, refused) = (0, 0, 0);
        foreach (var table in corpus.Tables)
        {
            var found = await Texts(name, table, choice, cancellation);
            var same = found.Where(item => item.Fingerprint == item.Failed).ToList();
            var (written, denied) = await BisectingWrite.Write(same, some => Ignore(corpus, table, some, cancellation));
            (ignored, edited, refused) = (ignored + written, edited + found.Count - written - denied, refused + denied);
        }

        return new IgnoredItems(ignored, edited, refused);
    }

    private async Task<List<(string Kind, string Id)>> Ignored(ResolvedCorpus corpus, FailureFilter choice, CancellationToken cancellation)
    {
        var ignored = new List<(string, string)>();
        foreach (var table in corpus.Tables.Where(table => choice.Items.Any(item => item.Kind == table.Kind)))
        {
            var ids = choice.Items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToArray();
            ignored.AddRange(await _database.QueryAsync(
                $"SELECT {table.Id}::text FROM {table.Target} t WHERE {IsIgnored(table)} AND {table.Id}::text = ANY ({ids})",
                row => (table.Kind, row.GetString(0)), cancellation));
        }

        return ignored;
    }

    private Task<List<string>> Failed(string corpus, ResolvedTable table, FailureFilter choice, CancellationToken cancellation) =>
        _database.QueryAsync(
            $"SELECT c.item_id FROM embedding.claims c WHERE {Chosen(corpus, choice)} AND c.kind = {table.Kind} AND {NotHeld}",
            row => row.GetString(0), cancellation);

    private static SqlText IsIgnored(ResolvedTable table) => $"{table.State} = {Sql.Literal(ItemState.Ignored)}";

    internal static SqlText Revive(string corpus, ResolvedTable table, string[] ids) =>
        $"""
        WITH forgotten AS (
            DELETE FROM embedding.claims c WHERE {IsOf(corpus, table)} AND c.item_id = ANY ({ids}) AND c.attempts = 0 AND {NotHeld}
        ),
        revived AS (
            UPDATE {table.Target} t SET {table.Undecided}
            WHERE  {table.Id} {Sql.Is} ANY ({ids}::{table.IdType}[]) AND {IsIgnored(table)}
            AND    {VectorStore.MarkItemWrite}{table.AndIsCurrent}
            RETURNING 1
        )
        SELECT count(*)::int FROM revived
        """;

    // A dead item was taken out of the pending; forgetting its rule brings it back.
    internal static SqlText Retry(string corpus, ResolvedTable table, string[] ids) =>
        $"""
        WITH chosen AS (
            SELECT c.item_id FROM embedding.claims c
            WHERE  {IsOf(corpus, table)} AND c.item_id = ANY ({ids}) AND c.reason IS NOT NULL AND {NotHeld}
            AND    {VectorStore.MarkItemWrite}{table.AndIsCurrent}
            FOR    UPDATE
        ),
        revived AS (
            UPDATE {table.Target} t SET {table.RuleName} = NULL FROM chosen c
            WHERE  {table.Id} {Sql.Is} c.item_id::{table.IdType} AND {table.State} = {Sql.Literal(ItemState.Failed)}
        ),
        forgotten AS (
            DELETE FROM embedding.claims c USING chosen
            WHERE  {IsOf(corpus, table)} AND c.item_id = chosen.item_id
            RETURNING 1
        )
        SELECT count(*)::int FROM forgotten
        """;

    private static SqlText IsOf(string corpus, ResolvedTable table) => $"c.corpus = {corpus} AND c.kind = {table.Kind}";

    private Task<List<FailedText>> Texts(string corpus, ResolvedTable table, FailureFilter choice, CancellationToken cancellation)
    {
        const int FirstText = 3;
        return _database.QueryAsync(
            $"""
            SELECT c.item_id, {table.Version}, c.content_hash, {Sql.Join(", ", table.TextColumns)}
            FROM   embedding.claims c
            JOIN   {table.Items} t ON {table.Id} {Sql.Is} c.item_id::{table.IdType}
            WHERE  {Chosen(corpus, choice)} AND c.kind = {table.Kind} AND {NotHeld}
            """,
            row => new FailedText(
                row.GetString(0), (byte[])row.GetValue(1), row.Text(2),
                ItemText.Of(row.Texts(FirstText, table.Template.Columns.Count), table).Hash), cancellation);
    }

    private async Task<int> Ignore(
        ResolvedCorpus corpus, ResolvedTable table, IReadOnlyList<FailedText> items, CancellationToken cancellation) =>
        (int)await _database.ScalarAsync<long>(IgnoreSome(corpus, table, items), cancellation);

    // The claim stays, so that a person sees what was ignored and why; the next look at the item takes it away.
    internal static SqlText IgnoreSome(ResolvedCorpus corpus, ResolvedTable table, IReadOnlyList<FailedText> items) =>
        $"""
        WITH input AS (
            SELECT *
            FROM   unnest(
                       {items.Select(item => item.Id).ToArray()}::text[], {items.Select(item => item.Version).ToArray()}::bytea[],
                       {items.Select(item => item.Fingerprint).ToArray()}::text[])
                   AS i (item_id, version, hash)
            WHERE  {VectorStore.MarkItemWrite}{table.AndIsCurrent}
        ),
        dismissed AS (
            UPDATE embedding.claims c
            SET    token = NULL, leased_until = NULL, attempts = 0, is_dead = true, retry_at = NULL
            FROM   input i
            WHERE  {IsOf(corpus.Corpus.Name, table)} AND c.item_id = i.item_id AND {NotHeld}
            RETURNING c.item_id
        ),
        {Sql.When(
            corpus.Corpus.SimilarityCache,
            $"""
            uncached AS (
                DELETE FROM similarity_cache s USING dismissed d WHERE s.item_type = {table.Kind} AND s.item_id = d.item_id
            ),
            """)}
        {ChunkWrite.Forget(table, $"dismissed")}
        ignored AS (
            UPDATE {table.Target} t
            SET    {table.Unembedded(Sql.Literal(ItemState.Ignored), $"i.hash")}
            FROM   input i JOIN dismissed USING (item_id)
            WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType} AND {table.Version} = i.version
            RETURNING 1
        )
        SELECT count(*) FROM ignored
        """;

    private async Task EnsureKnown(string corpus, FailureFilter choice, CancellationToken cancellation)
    {
        if (choice.MayHaveOthers)
        {
            return;
        }

        var unknown = await _database.QueryAsync(FindUnknown(corpus, choice), row => row.GetString(0), cancellation);
        if (unknown.Count > 0)
        {
            throw new NotFoundException(
                $"Among the failed items of '{corpus}' there is no {string.Join(", ", unknown)}: 'embeddings failures list {corpus}' has "
                    + "them.");
        }
    }

    private static string[] Kinds(FailureFilter choice) => choice.Items.Select(item => item.Kind).ToArray();

    private static string[] Ids(FailureFilter choice) => choice.Items.Select(item => item.Id).ToArray();

    internal sealed record FailedText(string Id, byte[] Version, string? Failed, string Fingerprint);
}
