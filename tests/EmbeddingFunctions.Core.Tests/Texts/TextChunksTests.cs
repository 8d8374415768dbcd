using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

public sealed class TextChunksTests
{
    private static readonly TokenCounter _cl100k = Cl100kTokens.Counter;

    [Fact]
    public void A_text_that_fits_is_one_chunk_and_an_empty_one_none()
    {
        var one = Assert.Single(TextChunks.Of("One.", _cl100k, 50, 5));
        Assert.Equal(("One.", 0, 4, 2), (one.Text, one.Start, one.End, one.Tokens));
        Assert.Empty(TextChunks.Of("", _cl100k, 50, 5));
        var full = string.Concat(Enumerable.Repeat("word ", 50)).TrimEnd();
        Assert.Single(TextChunks.Of(full, _cl100k, 50, 0));
        Assert.Equal(2, TextChunks.Of(full, _cl100k, 49, 0).Count);
    }

    [Fact]
    public void Paragraphs_come_before_sentences_and_sentences_before_words()
    {
        const string Words = "one two three four five six seven";

        Assert.Equal([$"{Words}. {Words}.", $"{Words}. {Words}."], Chunks($"{Words}. {Words}.\n\n{Words}. {Words}.", 20));
        Assert.Equal([$"{Words}. {Words}!", $"{Words}. {Words}."], Chunks($"{Words}. {Words}! {Words}. {Words}.", 20));
        Assert.Equal(["aaaa bbbb", "cccc dddd"], Chunks("aaaa bbbb cccc dddd", 3));
        Assert.Equal(["aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"], Chunks(new string('a', 32), 2));
    }

    [Fact]
    public void A_chunk_begins_with_whole_words_of_the_end_of_the_one_before()
    {
        var text = string.Join(' ', Enumerable.Range(100, 200));

        var chunks = TextChunks.Of(text, _cl100k, 20, 5);

        for (var i = 1; i < chunks.Count; i++)
        {
            var shared = text[chunks[i].Start..chunks[i - 1].End];
            Assert.InRange(_cl100k.Count(shared), 1, 5);
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
    public void Any_text_is_covered_in_order_within_the_limit_and_no_character_is_cut(string part) =>
        AssertCovered(string.Concat(Enumerable.Repeat(part, 700)).Trim());

    [Fact]
    public void Texts_of_all_scripts_are_covered_within_the_limit()
    {
        foreach (var script in Scripts.Names)
        {
            AssertCovered(Scripts.Of(script, 6_000).Trim());
        }
    }

    // By search and by counts that grow with the text this would take hours.
    [Theory]
    [InlineData("words")]
    [InlineData("letters")]
    [InlineData("ideographs")]
    [InlineData("numbers")]
    public void A_million_characters_are_cut_in_bounded_time(string what)
    {
        var text = what switch
        {
            "words" => Scripts.Of("Norwegian", 1_000_000),
            "letters" => Scripts.Random("abcdefghijklmnopqrstuvwxyz", 1_000_000),
            "ideographs" => Scripts.Ideographs(1_000_000),
            _ => string.Concat(Enumerable.Repeat("12 - ", 200_000)),
        };
        IReadOnlyList<TextChunk> chunks = [];

        var time = ProcessorTime.Of(() => chunks = TextChunks.Of(text.Trim(), _cl100k, 800, 80));

        Assert.True(time < TimeSpan.FromSeconds(30), $"{time}");
        Assert.All(chunks, chunk => Assert.InRange(chunk.Tokens, 1, 800));
    }

    private static void AssertCovered(string text)
    {
        var places = Characters(text);
        foreach (var counter in new TokenCounter[] { Cl100kTokens.Counter, TokenEstimate.Counter })
        {
            foreach (var (most, overlap) in new[] { (50, 0), (50, 1), (50, 25), (800, 80), (8_191, 4_095) })
            {
                var covered = 0;
                foreach (var chunk in TextChunks.Of(text, counter, most, overlap))
                {
                    Assert.InRange(chunk.Tokens, 1, most);
                    Assert.Equal(counter.Count(chunk.Text), chunk.Tokens);
                    Assert.Equal(string.Concat(places[chunk.Start..chunk.End]), chunk.Text);
                    Assert.True(chunk.Start <= covered || string.IsNullOrWhiteSpace(string.Concat(places[covered..chunk.Start])));
                    Assert.True(counter.Count(string.Concat(places[Math.Min(chunk.Start, covered)..covered])) <= overlap);
                    Assert.True(chunk.End > covered);
                    covered = chunk.End;
                }

                Assert.Equal(places.Length, covered);
            }
        }
    }

    private static string[] Characters(string text) => text.EnumerateRunes().Select(rune => rune.ToString()).ToArray();

    private static IEnumerable<string> Chunks(string text, int maxTokens) =>
        TextChunks.Of(text, _cl100k, maxTokens, 0).Select(chunk => chunk.Text);
}
