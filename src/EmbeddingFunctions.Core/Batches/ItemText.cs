using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>The text that is sent for an item.</summary>
/// <param name="Hash">The fingerprint of the item's vector.</param>
/// <param name="Parts">None, if there is nothing to embed; several, if the text is embedded in chunks.</param>
/// <param name="Chunks">Of each part where it stands, if the text is embedded in chunks.</param>
/// <param name="LeftOut">How many characters are in no part, because they were cut off or the model reads no further.</param>
/// <param name="Problem">Why it is not to be sent.</param>
internal sealed record ItemText(
    string Hash, IReadOnlyList<InputText> Parts, IReadOnlyList<TextChunk> Chunks, int LeftOut = 0, string? Problem = null)
{
    public static ItemText Of(IReadOnlyList<string?> values, ResolvedTable table)
    {
        // If all columns are blank, the template's fixed words are not worth embedding.
        var whole = values.All(NormalizedText.IsBlank) ? "" : NormalizedText.Of(table.Template.Render(values), int.MaxValue);
        return table switch
        {
            { Chunks: { } chunks } => InChunks(whole, chunks, table),
            { LongText: LongText.Fail } => Whole(whole, table),
            _ => Cut(whole, table),
        };
    }

    private static ItemText Cut(string whole, ResolvedTable table)
    {
        var input = Read(table, table.Tokens.Cut(NormalizedText.Of(whole, table.MaxCharacters)));
        return Single(input, table) with { LeftOut = input.Text.Length == 0 ? 0 : LeftOutOf(whole, input) };
    }

    private static ItemText Whole(string text, ResolvedTable table)
    {
        var input = new InputText(text, table.Tokens);
        return Single(input, table) with { Problem = ProblemOf(input, Read(table, input), table.Tokens) };
    }

    private static string? ProblemOf(InputText input, InputText read, TokenCounter counter)
    {
        const string Advice = "shorten it, or declare its longText as truncate or chunk";
        return read != input
                ? $"the text is too long: the model reads its first {NormalizedText.Characters(read.Text):N0} characters and not the "
                    + $"{LeftOutOf(input.Text, read):N0} after them; {Advice}"
            : !input.IsAtMost(TokenCounter.MaxInput)
                ? $"the text is too long: {input.Tokens:N0} tokens{(counter.IsExact ? "" : " by estimate")}, of which the model takes "
                    + $"{TokenCounter.MaxInput:N0}; {Advice}"
            : null;
    }

    private static ItemText InChunks(string text, Chunks sizes, ResolvedTable table)
    {
        var chunks = TextChunks.Of(text, table.Tokens, sizes.MaxTokens, sizes.OverlapTokens);
        var parts = chunks.Select(chunk => Read(table, chunk.Input)).ToList();
        var leftOut = chunks.Zip(parts, (chunk, part) => LeftOutOf(chunk.Text, part)).Sum();
        return new ItemText(table.Rule.FingerprintOfParts(text), parts, chunks, leftOut)
        {
            Problem = chunks.Count <= TextChunks.MostChunks ? null
                : $"the text is too long: it makes more than {TextChunks.MostChunks:N0} chunks of {sizes.MaxTokens} tokens; "
                    + "shorten it, split it into several rows, or declare a larger maxTokens",
        };
    }

    private static InputText Read(ResolvedTable table, InputText input) =>
        table.Window?.Cut(input.Text) is { } read && read.Length < input.Text.Length ? new InputText(read, table.Tokens) : input;

    private static int LeftOutOf(string text, InputText read) => NormalizedText.Characters(text) - NormalizedText.Characters(read.Text);

    private static ItemText Single(InputText input, ResolvedTable table) =>
        new(table.Rule.Fingerprint(input.Text), input.Text.Length == 0 ? [] : [input], []);
}
