using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>What is sent for an item.</summary>
/// <param name="Hash">The fingerprint of the item's vector.</param>
/// <param name="Parts">None, if there is nothing to embed; several, if the text is embedded in chunks.</param>
/// <param name="Chunks">Of each part where it stands, if the text is embedded in chunks.</param>
/// <param name="LeftOut">So many characters were cut off.</param>
/// <param name="Problem">Why it is not to be sent.</param>
internal sealed record ItemText(string Hash, IReadOnlyList<string> Parts, IReadOnlyList<TextChunk> Chunks, int LeftOut = 0, string? Problem = null)
{
    public static ItemText Of(IReadOnlyList<string?> values, BoundTable table)
    {
        // The template's own words round nothing say nothing.
        var whole = values.All(NormalizedText.IsBlank) ? "" : NormalizedText.Of(table.Template.Render(values), int.MaxValue);
        return table switch
        {
            { Chunks: { } chunks } => InChunks(whole, chunks, table.Rule),
            { LongText: LongText.Fail } => Whole(whole, table.Rule),
            _ => Cut(whole, table),
        };
    }

    private static ItemText Cut(string whole, BoundTable table)
    {
        var text = TokenEstimate.CutToInput(NormalizedText.Of(whole, table.MaxCharacters));
        return Single(text, table.Rule) with { LeftOut = text.Length == 0 ? 0 : NormalizedText.Characters(whole) - NormalizedText.Characters(text) };
    }

    private static ItemText Whole(string text, EmbeddingRule rule)
    {
        var tokens = TokenEstimate.Of(text);
        return Single(text, rule) with
        {
            Problem = tokens <= TokenEstimate.MaxInput ? null
                : $"the text is too long: about {tokens:N0} tokens, of which the model takes {TokenEstimate.MaxInput:N0}; shorten it, or declare its longText as truncate or chunk",
        };
    }

    private static ItemText InChunks(string text, Chunks sizes, EmbeddingRule rule)
    {
        var chunks = TextChunks.Of(text, sizes.MaxTokens, sizes.OverlapTokens);
        return new ItemText(rule.FingerprintOfParts(text), chunks.Select(chunk => chunk.Text).ToList(), chunks);
    }

    private static ItemText Single(string text, EmbeddingRule rule) => new(rule.Fingerprint(text), text.Length == 0 ? [] : [text], []);
}
