using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

/// <summary>The oracle is the tokenizer itself, which the fake provider asks about whole texts.</summary>
public sealed class Cl100kTokensTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz";

    private static readonly int[] _lengths = [1, 10, 100, 300, 1_000, 2_000, 5_000, 20_000, 50_000];

    private static readonly Cl100kTokens _counter = Cl100kTokens.Counter;

    private static readonly Dictionary<string, string> _longRuns = new()
    {
        ["one letter"] = new string('a', 100_000),
        ["spaces"] = new string(' ', 100_000),
        ["line breaks"] = new string('\n', 100_000),
        ["hyphens"] = new string('-', 100_000),
        ["ideographs"] = Scripts.Ideographs(100_000),
        ["random letters"] = Scripts.Random(Letters, 100_000),
        ["emoji"] = string.Concat(Enumerable.Repeat("😀", 50_000)),
        ["base64"] = Scripts.Base64(75_000),
        ["special tokens"] = string.Concat(Enumerable.Repeat("<|endoftext|>", 8_000)),
        ["no letters"] = string.Concat(Enumerable.Repeat("12 % - ", 15_000)),
        ["marks and line breaks"] = string.Concat(Enumerable.Repeat("-\n", 50_000)),
    };

    public static TheoryData<string> AllScripts => [.. Scripts.Names];

    public static TheoryData<string> LongRuns => [.. _longRuns.Keys];

    [Theory]
    [MemberData(nameof(AllScripts))]
    public void A_text_of_any_script_has_the_tokens_that_its_tokenizer_counts(string script)
    {
        foreach (var length in _lengths)
        {
            var text = Scripts.Of(script, length, seed: length);
            Assert.Equal(FakeTokens.Count(text), _counter.Count(text));
        }
    }

    [Theory]
    [InlineData("<|endoftext|>")]
    [InlineData("<|fim_prefix|>")]
    [InlineData("<|endofprompt|>")]
    public void The_name_of_a_special_token_is_plain_text(string name)
    {
        Assert.InRange(_counter.Count(name), 5, 8);
        Assert.Equal(8 * _counter.Count($" {name}"), _counter.Count(string.Concat(Enumerable.Repeat($" {name}", 8))));
        Assert.Equal(name, _counter.Cut($"{name} {name}", _counter.Count(name)).Text);
    }

    // The tokenizer alone takes 10 to 45 seconds for most of these.
    [Theory]
    [MemberData(nameof(LongRuns))]
    public void A_hundred_thousand_characters_without_a_word_take_bounded_time(string what)
    {
        var text = _longRuns[what];
        var (tokens, cut) = (0, new InputText("", _counter));

        var time = ProcessorTime.Of(() => (tokens, cut) = (_counter.Count(text), _counter.Cut(text)));

        Assert.True(time < TimeSpan.FromSeconds(5), $"{time}");
        Assert.InRange(tokens, 1, text.Length * 3);
        Assert.StartsWith(cut.Text, text, StringComparison.Ordinal);
        Assert.InRange(cut.Tokens, 0, TokenCounter.MaxInput);
    }

    // No longer than the tokenizer can count whole in a test.
    [Theory]
    [MemberData(nameof(LongRuns))]
    public void A_long_run_has_hardly_more_tokens_than_the_tokenizer_counts(string what)
    {
        var text = _longRuns[what][..10_000];
        var expected = FakeTokens.Count(text);

        Assert.InRange(_counter.Count(text), expected, (expected * 1.01) + 1);
    }

    [Theory]
    [MemberData(nameof(AllScripts))]
    public void A_text_is_cut_to_8191_tokens_between_characters(string script)
    {
        var text = Scripts.Of(script, 60_000).Trim();

        var cut = _counter.Cut(text);

        Assert.StartsWith(cut.Text, text, StringComparison.Ordinal);
        Assert.Equal(cut.Text.TrimEnd(), cut.Text);
        Assert.False(char.IsHighSurrogate(cut.Text[^1]));
        Assert.Equal(FakeTokens.Count(cut.Text), cut.Tokens);
        Assert.InRange(cut.Tokens, TokenCounter.MaxInput - 4, TokenCounter.MaxInput);
    }

    [Fact]
    public void A_text_is_cut_at_every_limit_to_no_more()
    {
        foreach (var script in Scripts.Names)
        {
            var text = Scripts.Of(script, 400).Trim();
            for (var most = 1; most < 60; most++)
            {
                var cut = _counter.Cut(text, most);
                Assert.InRange(FakeTokens.Count(cut.Text), 0, most);
                Assert.InRange(cut.Tokens, most - 4, most);
            }
        }
    }

    [Fact]
    public void A_text_of_at_most_8191_tokens_is_left_alone()
    {
        var fits = string.Concat(Enumerable.Repeat(" word", TokenCounter.MaxInput)).Trim();
        Assert.Equal(TokenCounter.MaxInput, FakeTokens.Count(fits));

        Assert.Same(fits, _counter.Cut(fits).Text);
        Assert.Equal(fits, _counter.Cut(fits + " word").Text);
    }

    [Theory]
    [InlineData("text-embedding-3-small", "cl100k")]
    [InlineData("text-embedding-3-large", "cl100k")]
    [InlineData("text-embedding-ada-002", "cl100k")]
    [InlineData("openai/text-embedding-3-small", "cl100k")]
    [InlineData("Text-Embedding-3-Small-norway", "cl100k")]
    [InlineData("text-embedding-004", "estimate")]
    [InlineData("nomic-embed-text", "estimate")]
    [InlineData("embeddings", "estimate")]
    [InlineData("local-lexical-1", "estimate")]
    public void The_models_name_alone_says_how_its_tokens_are_counted(string model, string counter) =>
        Assert.Equal(counter, TokenCounter.Of(model).Name);
}
