using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage.Migrations;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Predicts a run from the texts themselves and the cache: it calls no provider and writes nothing.</summary>
public sealed class DryRun
{
    private readonly BoundCorpora _corpora;
    private readonly NpgsqlDataSource _database;
    private readonly RunScope _scope;
    private readonly IVectorCache _cache;
    private readonly EmbeddingSettings _settings;

    internal DryRun(BoundCorpora corpora, NpgsqlDataSource database, RunScope scope, IVectorCache cache, EmbeddingSettings settings) =>
        (_corpora, _database, _scope, _cache, _settings) = (corpora, database, scope, cache, settings);

    /// <exception cref="Corpora.CorpusException">The corpus, a kind or the partition is unknown, or the database is not ready for it.</exception>
    public async Task<Prediction> Predict(RunRequest request, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(request.Corpus, cancellation);
        await _scope.Check(corpus, request, cancellation);
        var forceBefore = await _scope.ForceBefore(request, cancellation);
        var packer = new RequestPacker(maxInputs: _settings.InputsPerRequest);
        var paid = new HashSet<string>();
        var (items, inputs, requests, tokens) = (0, 0, 0, 0L);
        foreach (var table in PagePlanner.InScope(corpus, request).OrderByDescending(table => table.Priority))
        {
            var left = (request.Limit ?? int.MaxValue) - items;
            await foreach (var batch in Batches(corpus, table, request, forceBefore, left, cancellation))
            {
                var claim = new Claim(corpus, table, Guid.Empty, "", Guid.Empty, batch);
                var texts = await Unpaid(BatchGate.Sort(claim, request.Force), table.Rule, forceBefore, paid, cancellation);
                items += batch.Count;
                inputs += texts.Count;
                requests += packer.Pack(texts).Count();
                tokens += texts.Sum(text => (long)TokenEstimate.Of(text));
            }
        }

        var isFree = _settings.Provider == ProviderChoice.Local;
        var minutes = isFree ? 0 : Math.Max((double)requests / _settings.RequestsPerMinute, (double)tokens / _settings.TokensPerMinute);
        return new Prediction(items, inputs, isFree ? 0 : requests, isFree ? 0 : tokens, Price.Of(corpus.Model, tokens), Math.Round(minutes, 2));
    }

    // What an earlier batch pays for, or is in the cache, is not sent.
    private async Task<List<string>> Unpaid(
        BatchGate gate, EmbeddingRule rule, DateTimeOffset? since, HashSet<string> paid, CancellationToken cancellation)
    {
        var unknown = Enumerable.Range(0, gate.Texts.Count).Where(i => paid.Add(gate.Fingerprints[i])).ToList();
        var cached = unknown.Count == 0 ? null : await _cache.Find(unknown.Select(i => gate.Fingerprints[i]).ToList(), rule.Dimensions, since, cancellation);
        return unknown.Where(i => !cached!.ContainsKey(gate.Fingerprints[i])).Select(i => gate.Texts[i]).ToList();
    }

    private async IAsyncEnumerable<List<ClaimedItem>> Batches(
        BoundCorpus corpus, BoundTable table, RunRequest request, DateTimeOffset? forceBefore, int limit,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var batchSize = request.BatchSize ?? corpus.Corpus.BatchSize;
        var active = corpus.ActivePartitions is null ? "" : $"AND {table.Partition} IN ({corpus.ActivePartitions})";
        await using var command = _database.CreateCommand(
            $"""
            SELECT {table.Id}::text, {table.Partition}::text, CASE WHEN wish.content IS NULL THEN t.content_hash END, {table.Vector} IS NOT NULL, {string.Join(", ", Texts(table))}
            FROM   {table.Table} t {QueueShape.Wish(table)}
            WHERE  ({table.Due(request.Scope(forceBefore), "$6")} AND {ClaimStore.NotHeld(table)} OR wish.content IS NOT NULL{table.Filter}) {active}{table.Selected(request.Selection, "$5")}
            AND    ($3::text IS NULL OR {table.Partition}::text = $3)
            ORDER  BY {table.Partition}, {table.Order(request.Scope(forceBefore))}
            LIMIT  $4
            """);
        foreach (var value in new[] { corpus.Corpus.Name, table.Kind, (object?)request.Partition ?? DBNull.Value, Math.Max(0, limit), Selection.Values(request.Selection) })
        {
            command.Parameters.Add(new() { Value = value });
        }

        if (forceBefore is { } before)
        {
            command.Parameters.Add(new() { Value = before });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var (batch, partition, characters) = (new List<ClaimedItem>(), "", 0L);
        while (await reader.ReadAsync(cancellation))
        {
            var item = Item(reader, table.Template.Columns.Count);
            var length = item.Values.Sum(value => (long)(value?.Length ?? 0));
            if (batch.Count > 0 && (batch.Count == batchSize || reader.GetString(1) != partition || characters + length > ClaimStore.MaxCharacters))
            {
                yield return batch;
                (batch, characters) = ([], 0);
            }

            (partition, characters) = (reader.GetString(1), characters + length);
            batch.Add(item);
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }

    private static IEnumerable<string> Texts(BoundTable table) =>
        table.TextColumns.Select(text => table.Queue == QueuedText.Content ? $"COALESCE(wish.content, {text})" : text);

    private static ClaimedItem Item(NpgsqlDataReader reader, int columns)
    {
        const int FirstText = 4;
        string? Text(int i) => reader.IsDBNull(i) ? null : reader.GetString(i);
        return new ClaimedItem(reader.GetString(0), [], Enumerable.Range(FirstText, columns).Select(Text).ToList(), Text(2), reader.GetBoolean(3), 1, null, false);
    }
}

/// <param name="Items">Items in scope, those that need no call included.</param>
/// <param name="Inputs">Texts that would be sent.</param>
/// <param name="Minutes">At the configured limits, the provider's own time not counted.</param>
public sealed record Prediction(int Items, int Inputs, int Requests, long Tokens, decimal? Dollars, double Minutes);
