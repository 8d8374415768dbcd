using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Items that failed in groups of one reason, and by the page, the last to fail first; the ignored are among them.</summary>
internal sealed class FailureReport(NpgsqlDataSource database, ResolvedCorpora corpora)
{
    public const int MostGroups = 200;

    /// <summary>The longest text that is shown, in UTF-16 units.</summary>
    public const int MaxText = 2_000;

    /// <summary>The largest groups first.</summary>
    /// <param name="names">Of generations.</param>
    /// <param name="cancellation">Ends the count.</param>
    public async Task<FailureGroups> Groups(IReadOnlyList<string> names, CancellationToken cancellation)
    {
        var total = 0L;
        var groups = await database.QueryAsync(
            $"""
            SELECT c.corpus, c.kind, c.reason, count(*) FILTER (WHERE {FailedItems.IsFailure}),
                   count(*) FILTER (WHERE {FailedItems.IsFailure} AND c.is_dead), count(*) FILTER (WHERE c.attempts = 0),
                   min(c.failed_at), max(c.failed_at), min(c.retry_at) FILTER (WHERE NOT c.is_dead),
                   (sum(count(*) FILTER (WHERE {FailedItems.IsFailure})) OVER ())::bigint
            FROM   embedding.claims c
            WHERE  c.corpus = ANY ({names.ToArray()}) AND c.reason IS NOT NULL
            GROUP  BY c.corpus, c.kind, c.reason
            ORDER  BY 4 DESC, 6 DESC, c.corpus, c.kind, c.reason
            LIMIT  {MostGroups}
            """,
            row =>
            {
                total = row.GetInt64(9);
                return new FailureGroup(
                    Generation.CorpusOf(row.GetString(0)), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4),
                    row.GetInt64(5), row.GetFieldValue<DateTimeOffset?>(6), row.GetFieldValue<DateTimeOffset?>(7),
                    row.GetFieldValue<DateTimeOffset?>(8));
            },
            cancellation);
        return new FailureGroups(groups, total);
    }

    /// <param name="names">Of generations.</param>
    /// <param name="kind">Only items of this kind.</param>
    /// <param name="reason">Only items with this reason, to the letter.</param>
    /// <param name="limit">The most items.</param>
    /// <param name="after">The place of the page.</param>
    /// <param name="withTexts">Whether to read their texts.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public async Task<FailurePage> Page(
        IReadOnlyList<string> names, string? kind, string? reason, int limit, FailureCursor? after, bool withTexts,
        CancellationToken cancellation)
    {
        var found = await database.QueryAsync(
            $"""
            SELECT c.corpus, c.kind, c.item_id, c.partition, c.reason, c.attempts, c.is_dead, c.retry_at, c.failed_at
            FROM   embedding.claims c
            WHERE  c.corpus = ANY ({names.ToArray()}) AND c.reason IS NOT NULL
            {Sql.When(kind is not null, $"AND c.kind = {kind}")}
            {Sql.When(reason is not null, $"AND c.reason = {reason}")}
            {Sql.When(
                after is not null,
                $"""
                AND   (c.failed_at, c.corpus, c.kind, c.item_id) <
                      ({after?.FailedAt.ToUniversalTime()}, {after?.Corpus}, {after?.Kind}, {after?.Id})
                """)}
            ORDER  BY c.failed_at DESC, c.corpus DESC, c.kind DESC, c.item_id DESC
            LIMIT  {limit + 1}
            """,
            row => (Name: row.GetString(0), Item: new ShownFailure(
                Generation.CorpusOf(row.GetString(0)), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4),
                row.GetInt32(5), row.GetBoolean(6), row.GetInt32(5) == 0, row.GetFieldValue<DateTimeOffset?>(7),
                row.GetFieldValue<DateTimeOffset>(8))),
            cancellation);
        var shown = found.Take(limit).ToList();
        var next = found.Count > limit && shown[^1] is var (name, last)
            ? new FailureCursor(last.FailedAt, name, last.Kind, last.Id).ToString() : null;
        var texts = withTexts ? await Texts(shown, cancellation) : [];
        return new FailurePage(
            shown.Select(one => one.Item with { Text = texts.GetValueOrDefault((one.Name, one.Item.Kind, one.Item.Id)) }).ToList(), next);
    }

    private async Task<Dictionary<(string, string, string), string>> Texts(
        IReadOnlyList<(string Name, ShownFailure Item)> shown, CancellationToken cancellation)
    {
        var texts = new Dictionary<(string, string, string), string>();
        foreach (var items in shown.GroupBy(one => (one.Name, one.Item.Kind)))
        {
            var corpus = await corpora.Get(items.Key.Name, cancellation);
            if (corpus.Tables.FirstOrDefault(table => table.Kind == items.Key.Kind) is not { } table)
            {
                continue;
            }

            var columns = Sql.Join(", ", table.TextColumns.Select(column => Sql.Of($"pg_catalog.\"left\"({column}, {MaxText})")));
            var read = await database.QueryAsync(
                $"""
                SELECT {table.Id}::text, {columns} FROM {table.Items} t
                WHERE  {table.Id} {Sql.Is} ANY ({items.Select(one => one.Item.Id).ToArray()}::{table.IdType}[])
                """,
                row => (Id: row.GetString(0), Text: NormalizedText.Of(
                    table.Template.Render(row.Texts(1, table.Template.Columns.Count)), MaxText)),
                cancellation);
            read.ForEach(item => texts[(items.Key.Name, items.Key.Kind, item.Id)] = item.Text);
        }

        return texts;
    }
}

/// <param name="Groups">At most 200.</param>
/// <param name="Total">Failed items of all groups.</param>
internal sealed record FailureGroups(IReadOnlyList<FailureGroup> Groups, long Total);

/// <summary>Items of a kind with the same reason.</summary>
/// <param name="Count">Failed items.</param>
/// <param name="Dead">Of these, given up until their text changes.</param>
/// <param name="Ignored">Beside these, left alone at a person's request, and not looked at by a run since.</param>
/// <param name="NextRetry">When the first is tried again.</param>
internal sealed record FailureGroup(
    string Corpus, string Kind, string Reason, long Count, long Dead, long Ignored, DateTimeOffset? Oldest, DateTimeOffset? Newest,
    DateTimeOffset? NextRetry);

/// <param name="Next">The cursor of the next page; null: this is the last.</param>
internal sealed record FailurePage(IReadOnlyList<ShownFailure> Items, string? Next);

/// <param name="Attempts">Of three.</param>
/// <param name="IsDead">Given up until the text changes.</param>
/// <param name="RetryAt">Null: with the next run, or never if it is dead.</param>
internal sealed record ShownFailure(
    string Corpus, string Kind, string Id, string Partition, string Reason, int Attempts, bool IsDead, bool IsIgnored,
    DateTimeOffset? RetryAt, DateTimeOffset FailedAt)
{
    /// <summary>As it is embedded, its first 2,000 characters; null: texts are not shown, or the row is gone.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }
}
