using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

public sealed class TextChunksTests
{
    [Fact]
    public void A_text_that_fits_is_one_chunk_and_an_empty_one_none()
    {
        Assert.Equal(new TextChunk("One.", 0, 4, 2), Assert.Single(TextChunks.Of("One.", 50, 5)));
        Assert.Empty(TextChunks.Of("", 50, 5));
        var full = string.Concat(Enumerable.Repeat("word ", 50)).TrimEnd();
        Assert.Single(TextChunks.Of(full, TokenEstimate.Of(full), 0));
        Assert.Equal(2, TextChunks.Of(full, TokenEstimate.Of(full) - 1, 0).Count);
    }

    [Fact]
    public void Paragraphs_come_before_sentences_and_sentences_before_words()
    {
        const string Words = "one two three four five six seven";

        Assert.Equal([$"{Words}. {Words}.", $"{Words}. {Words}."], Chunks($"{Words}. {Words}.\n\n{Words}. {Words}.", 24));
        Assert.Equal([$"{Words}. {Words}!", $"{Words}. {Words}."], Chunks($"{Words}. {Words}! {Words}. {Words}.", 24));
        Assert.Equal(["aaaa bbbb", "cccc dddd"], Chunks("aaaa bbbb cccc dddd", 3));
        Assert.Equal(["aaaaaaaa", "aaaaaaaa"], Chunks("aaaaaaaaaaaaaaaa", 2));
    }

    [Fact]
    public void A_chunk_begins_with_whole_words_of_the_end_of_the_one_before()
    {
        var text = string.Join(' ', Enumerable.Range(100, 200));

        var chunks = TextChunks.Of(text, 20, 5);

        for (var i = 1; i < chunks.Count; i++)
        {
            var shared = text[chunks[i].Start..chunks[i - 1].End];
            Assert.InRange(TokenEstimate.Of(shared), 1, 5);
            Assert.Equal(' ', text[chunks[i].Start - 1]);
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("word ")]
    [InlineData("Et avsnitt om loven. ")]
    [InlineData("😀")]
    [InlineData("法律第一条。")]
    [InlineData("x                                                                                                    ")]
    [InlineData("line\n")]
    [InlineData("$ 17 a) § 3-1, jf. 12345678\n\n")]
    public void Any_text_is_covered_in_order_within_the_limit_and_no_character_is_cut(string part)
    {
        var text = string.Concat(Enumerable.Repeat(part, 700)).Trim();
        foreach (var (most, overlap) in new[] { (50, 0), (50, 1), (50, 25), (800, 80), (8_191, 4_095) })
        {
            var chunks = TextChunks.Of(text, most, overlap);
            var places = Characters(text);
            var covered = 0;
            foreach (var chunk in chunks)
            {
                Assert.InRange(chunk.Tokens, 1, most);
                Assert.Equal(TokenEstimate.Of(chunk.Text), chunk.Tokens);
                Assert.Equal(string.Concat(places[chunk.Start..chunk.End]), chunk.Text);
                Assert.True(chunk.Start <= covered || string.IsNullOrWhiteSpace(string.Concat(places[covered..chunk.Start])));
                Assert.True(chunk.End > covered);
                covered = chunk.End;
            }

            Assert.Equal(places.Length, covered);
        }
    }

    private static string[] Characters(string text) => text.EnumerateRunes().Select(rune => rune.ToString()).ToArray();

    private static IEnumerable<string> Chunks(string text, int maxTokens) => TextChunks.Of(text, maxTokens, 0).Select(chunk => chunk.Text);
}
