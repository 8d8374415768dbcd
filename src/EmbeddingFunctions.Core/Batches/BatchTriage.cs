using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Decides which of a batch's items need a call: not the empty, not the unchanged, not what failed for good, and each text once.
/// </summary>
internal sealed class BatchTriage
{
    private readonly List<ItemOutcome> _settled = [];
    private readonly List<ItemFailure> _failed = [];
    private readonly List<(ClaimedItem Item, ItemText Text, List<TextWork> Parts)> _waiting = [];
    private readonly OrderedDictionary<string, TextWork> _texts = [];
    private readonly Claim _claim;

    private BatchTriage(Claim claim) => _claim = claim;

    /// <summary>The texts to embed, no two alike.</summary>
    public IReadOnlyList<TextWork> Texts => _texts.Values;

    /// <summary>The items that wait for their texts, with the fingerprint of the whole text.</summary>
    public IEnumerable<(ClaimedItem Item, string Hash, IReadOnlyList<TextWork> Parts)> Waiting =>
        _waiting.Select(waiting => (waiting.Item, waiting.Text.Hash, (IReadOnlyList<TextWork>)waiting.Parts));

    /// <summary>How many items got their vector from the cache.</summary>
    public int Cached => _waiting.Count(waiting => waiting.Parts.All(part => part.IsFromCache));

    /// <summary>What the texts with a vector from the cache would have cost, by estimate where they were not counted.</summary>
    public long SavedTokens =>
        _waiting.SelectMany(waiting => waiting.Parts).Where(part => part.IsFromCache).Sum(part => (long)part.Sent.ExpectedTokens);

    public static BatchTriage Sort(Claim claim)
    {
        var triage = new BatchTriage(claim);
        foreach (var item in claim.Items)
        {
            triage.Sort(item, ItemText.Of(item.Values, claim.Table));
        }

        return triage;
    }

    /// <summary>Gives each waiting item its texts' vector or failure, and no result while one of its texts is undecided.</summary>
    public (IReadOnlyList<ItemOutcome> Outcomes, IReadOnlyList<ItemFailure> Failures) Settle()
    {
        var (outcomes, failures) = (_settled.ToList(), _failed.ToList());
        foreach (var (item, text, parts) in _waiting)
        {
            var vectors = parts.Select(part => part.Vector).OfType<ReadOnlyMemory<float>>().ToList();
            if (vectors.Count == parts.Count)
            {
                outcomes.Add(Embedded(item, text.Chunks.Count > 0 ? text : Sent(text, parts[0]), vectors));
            }
            else if (parts.Select((part, i) => Reason(part.Failure, i, parts.Count)).OfType<string>().FirstOrDefault() is { } reason)
            {
                failures.Add(new ItemFailure(item, text.Hash, reason, IsDead: false));
            }
        }

        return (outcomes, failures);
    }

    // A text that was cut as the provider found it too long has the fingerprint of the rest, so that it is never taken for unchanged:
    // how much was cut is only known by asking.
    private static ItemText Sent(ItemText text, TextWork sent) =>
        text with { Hash = sent.SentFingerprint, LeftOut = text.LeftOut + sent.LeftOut };

    /// <summary>The outcome of an item with a vector for each part of its text.</summary>
    public static ItemOutcome Embedded(ClaimedItem item, ItemText text, IReadOnlyList<ReadOnlyMemory<float>> vectors)
    {
        var chunks = text.Chunks.Zip(vectors, (chunk, vector) => new EmbeddedChunk(chunk, vector)).ToList();
        var vector = chunks.Count == 0 ? vectors[0] : EmbeddedChunk.Mean(chunks);
        return new ItemOutcome(item, Outcome.Embedded, text.Hash, vector, text.LeftOut) { Chunks = chunks };
    }

    private static string? Reason(string? failure, int chunk, int chunks) =>
        failure is null || chunks == 1 ? failure : $"chunk {chunk + 1} of {chunks}: {failure}";

    private void Sort(ClaimedItem item, ItemText text)
    {
        var hash = text.Hash;
        if (text.Parts.Count == 0)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Empty, hash));
        }
        else if (item.State == ItemState.Ignored && item.Hash == hash)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Unchanged, hash));
        }
        else if (!_claim.IsForced && item.IsEmbedded && item.Hash == hash)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Unchanged, hash, LeftOut: text.LeftOut));
        }
        else if (!_claim.IsForced && item.IsDead && item.FailedHash == hash)
        {
            _failed.Add(new ItemFailure(item, hash, null, IsDead: true));
        }
        else if (text.Problem is { } problem)
        {
            _failed.Add(new ItemFailure(item, hash, problem, IsDead: true));
        }
        else if (item.WasLost && item.Attempts > LostAttempts(item, hash))
        {
            _failed.Add(
                new ItemFailure(item, hash, $"the worker ended {ClaimStore.MaxAttempts} times while it held this item", IsDead: true));
        }
        else
        {
            _waiting.Add((item, text, text.Parts.Select(Work).ToList()));
        }
    }

    private TextWork Work(InputText text)
    {
        var fingerprint = _claim.Table.Rule.Fingerprint(text.Text);
        if (!_texts.TryGetValue(fingerprint, out var work))
        {
            work = new TextWork(text, fingerprint, mayShorten: _claim.Table.LongText == LongText.Truncate);
            _texts.Add(fingerprint, work);
        }

        return work;
    }

    // Among the attempts may be those of an earlier text, which this one is not to blame for.
    private static int LostAttempts(ClaimedItem item, string hash) =>
        item.FailedHash is null || item.FailedHash == hash ? ClaimStore.MaxAttempts : 2 * ClaimStore.MaxAttempts;
}
