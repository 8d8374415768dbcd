using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>Decides which of a batch's items need a call: not the empty, not the unchanged, not what failed for good, and each text once.</summary>
internal sealed class BatchGate
{
    private readonly List<ItemOutcome> _settled = [];
    private readonly List<ItemFailure> _failed = [];
    private readonly List<(ClaimedItem Item, string Hash, int Text)> _waiting = [];
    private readonly List<string> _texts = [];
    private readonly List<string> _fingerprints = [];

    private BatchGate()
    {
    }

    /// <summary>The texts to embed, no two alike.</summary>
    public IReadOnlyList<string> Texts => _texts;

    public IReadOnlyList<string> Fingerprints => _fingerprints;

    public static BatchGate Sort(Claim claim, bool forced)
    {
        var gate = new BatchGate();
        var known = new Dictionary<string, int>();
        foreach (var item in claim.Items)
        {
            var text = TextOf(item.Values, claim.Corpus, claim.Table);
            gate.Sort(item, text, claim.Table.Rule.Fingerprint(text), forced, known);
        }

        return gate;
    }

    /// <summary>Gives each waiting item its text's vector or failure; where nothing became of the text, nothing becomes of the item.</summary>
    public (IReadOnlyList<ItemOutcome> Outcomes, IReadOnlyList<ItemFailure> Failures) Settle(EmbeddedTexts texts)
    {
        var (outcomes, failures) = (_settled.ToList(), _failed.ToList());
        foreach (var (item, hash, text) in _waiting)
        {
            if (texts.Vectors[text] is { } vector)
            {
                outcomes.Add(new ItemOutcome(item, Outcome.Embedded, hash, vector));
            }
            else if (texts.Failures[text] is { } reason)
            {
                failures.Add(new ItemFailure(item, hash, reason, IsDead: false));
            }
        }

        return (outcomes, failures);
    }

    /// <summary>How many items got their vector from the cache.</summary>
    public int Cached(EmbeddedTexts texts) => _waiting.Count(waiting => texts.AreCached[waiting.Text]);

    // The template's own words round nothing say nothing.
    public static string TextOf(IReadOnlyList<string?> values, BoundCorpus corpus, BoundTable table) =>
        values.All(NormalizedText.IsBlank)
            ? ""
            : TokenEstimate.CutToInput(NormalizedText.Of(table.Template.Render(values), corpus.Corpus.MaxCharacters));

    private void Sort(ClaimedItem item, string text, string hash, bool forced, Dictionary<string, int> known)
    {
        if (text.Length == 0)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Empty, BoundTable.EmptyMark));
        }
        else if (item.Hash == BoundTable.IgnoredMark(hash))
        {
            _settled.Add(new ItemOutcome(item, Outcome.Unchanged, item.Hash));
        }
        else if (!forced && item.HasVector && item.Hash == hash)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Unchanged, hash));
        }
        else if (!forced && item.IsDead && item.FailedHash == hash)
        {
            _failed.Add(new ItemFailure(item, hash, null, IsDead: true));
        }
        else if (item.WasLost && item.Attempts > LostAttempts(item, hash))
        {
            _failed.Add(new ItemFailure(item, hash, $"the worker ended {ClaimStore.MaxAttempts} times while it held this item", IsDead: true));
        }
        else
        {
            if (!known.TryGetValue(hash, out var index))
            {
                known[hash] = index = _texts.Count;
                _texts.Add(text);
                _fingerprints.Add(hash);
            }

            _waiting.Add((item, hash, index));
        }
    }

    // Among the attempts may be those of an earlier text, which this one is not to blame for.
    private static int LostAttempts(ClaimedItem item, string hash) =>
        item.FailedHash is null || item.FailedHash == hash ? ClaimStore.MaxAttempts : 2 * ClaimStore.MaxAttempts;
}
