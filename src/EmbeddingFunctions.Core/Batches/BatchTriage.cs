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
    private readonly List<(ClaimedItem Item, ItemText Text, IReadOnlyList<int> Places)> _waiting = [];
    private readonly List<InputText> _texts = [];
    private readonly List<string> _fingerprints = [];

    private BatchTriage()
    {
    }

    /// <summary>The texts to embed, no two alike.</summary>
    public IReadOnlyList<InputText> Texts => _texts;

    public IReadOnlyList<string> Fingerprints => _fingerprints;

    public static BatchTriage Sort(Claim claim)
    {
        var gate = new BatchTriage();
        var known = new Dictionary<string, int>();
        foreach (var item in claim.Items)
        {
            gate.Sort(item, ItemText.Of(item.Values, claim.Table), claim.Table.Rule, claim.IsForced, known);
        }

        return gate;
    }

    /// <summary>
    /// Gives each waiting item its texts' vector or failure; where nothing became of one of them, nothing becomes of the item.
    /// </summary>
    public (IReadOnlyList<ItemOutcome> Outcomes, IReadOnlyList<ItemFailure> Failures) Settle(TextWork texts)
    {
        var (outcomes, failures) = (_settled.ToList(), _failed.ToList());
        foreach (var (item, text, places) in _waiting)
        {
            var vectors = places.Select(place => texts.Vectors[place]).OfType<ReadOnlyMemory<float>>().ToList();
            if (vectors.Count == places.Count)
            {
                outcomes.Add(Embedded(item, text.Chunks.Count > 0 ? text : Sent(text, texts, places[0]), vectors));
            }
            else if (
                places.Select((place, i) => Reason(texts.Failures[place], i, places.Count)).OfType<string>().FirstOrDefault() is { } reason)
            {
                failures.Add(new ItemFailure(item, text.Hash, reason, IsDead: false));
            }
        }

        return (outcomes, failures);
    }

    /// <summary>How many items got their vector from the cache.</summary>
    public int Cached(TextWork texts) => _waiting.Count(waiting => waiting.Places.All(place => texts.AreCached[place]));

    /// <summary>What the texts with a vector from the cache would have cost, by estimate where they were not counted.</summary>
    public long SavedTokens(TextWork texts) =>
        _waiting.SelectMany(waiting => waiting.Places).Where(place => texts.AreCached[place])
            .Sum(place => (long)texts.Sent(place).ExpectedTokens);

    // A text that was cut as the provider found it too long has the fingerprint of the rest, so that it is never taken for unchanged:
    // how much was cut is only known by asking.
    private static ItemText Sent(ItemText text, TextWork texts, int place) =>
        text with { Hash = texts.SentFingerprint(place), LeftOut = text.LeftOut + texts.LeftOut(place) };

    private static ItemOutcome Embedded(ClaimedItem item, ItemText text, List<ReadOnlyMemory<float>> vectors)
    {
        var chunks = text.Chunks.Zip(vectors, (chunk, vector) => new EmbeddedChunk(chunk, vector)).ToList();
        var vector = chunks.Count == 0 ? vectors[0] : EmbeddedChunk.Mean(chunks);
        return new ItemOutcome(item, Outcome.Embedded, text.Hash, vector, text.LeftOut) { Chunks = chunks };
    }

    private static string? Reason(string? failure, int chunk, int chunks) =>
        failure is null || chunks == 1 ? failure : $"chunk {chunk + 1} of {chunks}: {failure}";

    private void Sort(ClaimedItem item, ItemText text, EmbeddingRule rule, bool forced, Dictionary<string, int> known)
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
        else if (!forced && item.IsEmbedded && item.Hash == hash)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Unchanged, hash, LeftOut: text.LeftOut));
        }
        else if (!forced && item.IsDead && item.FailedHash == hash)
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
            _waiting.Add((item, text, text.Parts.Select(part => Place(part, rule.Fingerprint(part.Text), known)).ToList()));
        }
    }

    private int Place(InputText text, string fingerprint, Dictionary<string, int> known)
    {
        if (!known.TryGetValue(fingerprint, out var place))
        {
            known[fingerprint] = place = _texts.Count;
            _texts.Add(text);
            _fingerprints.Add(fingerprint);
        }

        return place;
    }

    // Among the attempts may be those of an earlier text, which this one is not to blame for.
    private static int LostAttempts(ClaimedItem item, string hash) =>
        item.FailedHash is null || item.FailedHash == hash ? ClaimStore.MaxAttempts : 2 * ClaimStore.MaxAttempts;
}
