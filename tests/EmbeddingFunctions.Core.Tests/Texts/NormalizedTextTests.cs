using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

public sealed class NormalizedTextTests
{
    private const string Emoji = "😀";

    // No theory: a lone surrogate does not survive an attribute.
    [Fact]
    public void NUL_goes_and_lone_surrogates_are_replaced()
    {
        (string Text, string Expected)[] cases =
        [
            ("plain", "plain"),
            ("a\0b\0", "ab"),
            ("x\ud800y", "x\ufffdy"),
            ("x\udc00y", "x\ufffdy"),
            ("\udc00\ud800", "\ufffd\ufffd"),
            ("end\ud83d", "end\ufffd"),
            ("\ud800\ud83d\ude00", "\ufffd😀"),
            ("\ud83d\0\ude00", "\ufffd\ufffd"),
            ("😀 stays 😀", "😀 stays 😀"),
            ("  round\n", "round"),
            ("in\r\nside\t.", "in\r\nside\t."),
        ];
        Assert.All(cases, c => Assert.Equal(c.Expected, NormalizedText.Of(c.Text, 100)));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n\u00a0\u2003")]
    [InlineData("\u0001\u0002 \u007f\u0085")]
    [InlineData("\0\0")]
    public void Nothing_but_white_space_and_control_characters_is_nothing(string text) => Assert.Equal("", NormalizedText.Of(text, 100));

    [Theory]
    [InlineData(9, 9)]
    [InlineData(10, 10)]
    [InlineData(11, 10)]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    public void A_text_is_cut_at_the_limit(int length, int kept) =>
        Assert.Equal(new string('a', kept), NormalizedText.Of(new string('a', length), 10));

    // The emoji takes two units and stands before, across and behind the limit of 10.
    [Theory]
    [InlineData(7, 9)]
    [InlineData(8, 10)]
    [InlineData(9, 9)]
    [InlineData(10, 10)]
    public void A_cut_never_halves_a_character(int before, int kept)
    {
        var text = new string('a', before) + Emoji;

        var cut = NormalizedText.Of(text, 10);

        Assert.Equal(text[..kept], cut);
        Assert.DoesNotContain('\ufffd', cut);
    }

    [Fact]
    public void A_text_of_nothing_but_emoji_is_cut_between_them()
    {
        var text = string.Concat(Enumerable.Repeat(Emoji, 10));
        for (var limit = 0; limit <= 20; limit++)
        {
            Assert.Equal(text[..(limit / 2 * 2)], NormalizedText.Cut(text, limit));
        }
    }

    [Fact]
    public void White_space_that_a_cut_bares_goes_too() => Assert.Equal("abc", NormalizedText.Of("abc     def", 6));

    [Fact]
    public void What_is_normal_stays_as_it_is()
    {
        var random = new Random(7);
        for (var round = 0; round < 2_000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(40)).Select(_ => Letter(random))]);
            var limit = random.Next(1, 40);

            var normal = NormalizedText.Of(text, limit);

            Assert.Equal(normal, NormalizedText.Of(normal, limit));
            Assert.True(normal.Length <= limit);
            Assert.DoesNotContain('\0', normal);
            Assert.Equal(normal, System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(normal)));
        }
    }

    private static char Letter(Random random) => random.Next(6) switch
    {
        0 => '\0',
        1 => (char)random.Next(0xD800, 0xDC00),
        2 => (char)random.Next(0xDC00, 0xE000),
        3 => ' ',
        _ => (char)random.Next('a', 'z'),
    };
}
