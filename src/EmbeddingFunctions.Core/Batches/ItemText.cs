using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>What is sent for an item.</summary>
/// <param name="Hash">The fingerprint of the item's vector.</param>
/// <param name="Parts">None, if there is nothing to embed; several, if the text is embedded in chunks.</param>
/// <param name="Chunks">Of each part where it stands, if the text is embedded in chunks.</param>
/// <param name="LeftOut">How many characters are in no part, because they were cut off or the model reads no further.</param>
/// <param name="Problem">Why it is not to be sent.</param>
internal sealed record ItemText(string Hash, IReadOnlyList<string> Parts, IReadOnlyList<TextChunk> Chunks, int LeftOut = 0, string? Problem = null)
{
    public static ItemText Of(IReadOnlyList<string?> values, BoundTable table)
    {
        // The template's own words round nothing say nothing.
        var whole = values.All(NormalizedText.IsBlank) ? "" : NormalizedText.Of(table.Template.Render(values), int.MaxValue);
        return table switch
        {
            { Chunks: { } chunks } => InChunks(whole, chunks, table),
            { LongText: LongText.Fail } => Whole(whole, table),
            _ => Cut(whole, table),
        };
    }

    private static ItemText Cut(string whole, BoundTable table)
    {
        var text = Read(table, TokenEstimate.CutToInput(NormalizedText.Of(whole, table.MaxCharacters)));
        return Single(text, table.Rule) with { LeftOut = text.Length == 0 ? 0 : LeftOutOf(whole, text) };
    }

    private static ItemText Whole(string text, BoundTable table)
    {
        var (tokens, read) = (TokenEstimate.Of(text), Read(table, text));
        return Single(text, table.Rule) with
        {
            Problem = read.Length < text.Length
                ? $"the text is too long: the model reads its first {NormalizedText.Characters(read):N0} characters and not the "
                    + $"{LeftOutOf(text, read):N0} after them; shorten it, or declare its longText as truncate or chunk"
                : tokens <= TokenEstimate.MaxInput ? null
                : $"the text is too long: about {tokens:N0} tokens, of which the model takes {TokenEstimate.MaxInput:N0}; shorten it, or declare its longText as truncate or chunk",
        };
    }

    private static ItemText InChunks(string text, Chunks sizes, BoundTable table)
    {
        var chunks = TextChunks.Of(text, sizes.MaxTokens, sizes.OverlapTokens);
        var parts = chunks.Select(chunk => Read(table, chunk.Text)).ToList();
        var leftOut = chunks.Zip(parts, (chunk, part) => LeftOutOf(chunk.Text, part)).Sum();
        return new ItemText(table.Rule.FingerprintOfParts(text), parts, chunks, leftOut);
    }

    private static string Read(BoundTable table, string text) => table.Window?.Cut(text) ?? text;

    private static int LeftOutOf(string text, string read) => NormalizedText.Characters(text) - NormalizedText.Characters(read);

    private static ItemText Single(string text, EmbeddingRule rule) => new(rule.Fingerprint(text), text.Length == 0 ? [] : [text], []);
}
