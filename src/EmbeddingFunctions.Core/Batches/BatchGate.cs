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

    private BatchGate()
    {
    }

    /// <summary>The texts to embed, no two alike.</summary>
    public IReadOnlyList<string> Texts => _texts;

    public static BatchGate Sort(Claim claim, bool forced)
    {
        var gate = new BatchGate();
        var known = new Dictionary<string, int>();
        foreach (var item in claim.Items)
        {
            var table = claim.Table;
            var text = TokenEstimate.CutToInput(NormalizedText.Of(table.Template.Render(item.Values), claim.Corpus.Corpus.MaxCharacters));
            var hash = table.Rule.Fingerprint(text);
            gate.Sort(item, text, hash, forced, known);
        }

        return gate;
    }

    /// <summary>Gives each waiting item its text's vector or failure. Without vectors only what needed none is settled.</summary>
    public (IReadOnlyList<ItemOutcome> Outcomes, IReadOnlyList<ItemFailure> Failures) Settle(IReadOnlyList<EmbeddedText> vectors)
    {
        var waiting = vectors.Count == 0 ? [] : _waiting.Select(w => (w.Item, w.Hash, Result: vectors[w.Text])).ToList();
        var outcomes = waiting.Where(w => w.Result.Failure is null)
            .Select(w => new ItemOutcome(w.Item, Outcome.Embedded, w.Hash, w.Result.Vector));
        var failures = waiting.Where(w => w.Result.Failure is not null)
            .Select(w => new ItemFailure(w.Item, w.Hash, w.Result.Failure!, IsDead: false));
        return ([.. _settled, .. outcomes], [.. _failed, .. failures]);
    }

    private void Sort(ClaimedItem item, string text, string hash, bool forced, Dictionary<string, int> known)
    {
        if (text.Length == 0)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Empty, BoundTable.EmptyMark));
        }
        else if (!forced && item.HasVector && item.Hash == hash)
        {
            _settled.Add(new ItemOutcome(item, Outcome.Unchanged, hash));
        }
        else if (!forced && item.IsDead && item.FailedHash == hash)
        {
            _failed.Add(new ItemFailure(item, hash, "the text is the one that failed for good before", IsDead: true));
        }
        else if (item.Attempts > ClaimStore.MaxAttempts && item.FailedHash is null)
        {
            _failed.Add(new ItemFailure(item, hash, $"the worker ended {ClaimStore.MaxAttempts} times while it held this item", IsDead: true));
        }
        else
        {
            if (!known.TryGetValue(hash, out var index))
            {
                known[hash] = index = _texts.Count;
                _texts.Add(text);
            }

            _waiting.Add((item, hash, index));
        }
    }
}
