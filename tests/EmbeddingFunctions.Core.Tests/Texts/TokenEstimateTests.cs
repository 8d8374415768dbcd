using System.Text;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

public sealed class TokenEstimateTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData(" ", 1)]
    [InlineData("word", 1)]
    [InlineData("words", 2)]
    [InlineData("1234", 2)]
    [InlineData("a b c", 3)]
    [InlineData("{}();", 5)]
    [InlineData("中文", 4)]
    [InlineData("😀", 3)]
    public void An_estimate_leans_to_the_high_side(string text, int tokens) => Assert.Equal(tokens, TokenEstimate.Of(text));

    // The endpoint's own quick estimate, which its limit a request is held against.
    [Theory]
    [InlineData("plain English, with marks")]
    [InlineData("                                                            indented")]
    [InlineData("übergroße Änderung für Österreich")]
    [InlineData("日本語のタブバー")]
    [InlineData("ффффффффффффффффффффффф")]
    [InlineData("😀😀😀😀")]
    public void An_estimate_is_never_below_a_quarter_of_the_bytes(string text) =>
        Assert.True(TokenEstimate.Of(text) >= (Encoding.UTF8.GetByteCount(text) + 3) / 4);

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    public void An_input_is_cut_to_8191_tokens(int over)
    {
        var text = string.Concat(Enumerable.Repeat("a ", TokenCounter.MaxInput + over)).Trim();

        var cut = TokenEstimate.Counter.Cut(text).Text;

        Assert.Equal(Math.Min(TokenCounter.MaxInput, TokenCounter.MaxInput + over), TokenEstimate.Of(cut));
        Assert.StartsWith(cut, text, StringComparison.Ordinal);
        Assert.Equal(over <= 0, cut == text);
    }

    [Theory]
    [InlineData("😀")]
    [InlineData("a😀")]
    [InlineData("中")]
    [InlineData("mixed 中 text 😀 ")]
    public void A_cut_input_ends_between_characters_and_fits(string part)
    {
        var text = string.Concat(Enumerable.Repeat(part, 20_000));

        var cut = TokenEstimate.Counter.Cut(text).Text;

        Assert.InRange(TokenEstimate.Of(cut), TokenCounter.MaxInput - 10, TokenCounter.MaxInput);
        Assert.StartsWith(cut, text, StringComparison.Ordinal);
        Assert.Equal(cut, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)));
    }
}
