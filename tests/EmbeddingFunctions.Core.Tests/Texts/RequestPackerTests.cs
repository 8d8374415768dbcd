using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

public sealed class RequestPackerTests
{
    private const int MaxTokens = 270_000;

    [Theory]
    [InlineData(0, new int[0])]
    [InlineData(1, new[] { 1 })]
    [InlineData(2_047, new[] { 2_047 })]
    [InlineData(2_048, new[] { 2_048 })]
    [InlineData(2_049, new[] { 2_048, 1 })]
    [InlineData(4_097, new[] { 2_048, 2_048, 1 })]
    public void A_request_holds_2048_inputs_at_most(int inputs, int[] expected) =>
        Assert.Equal(expected, Sizes(new RequestPacker(), [.. Enumerable.Range(0, inputs).Select(_ => OfTokens(1))]));

    [Theory]
    [InlineData(MaxTokens - 1, new[] { 2 })]
    [InlineData(MaxTokens, new[] { 2 })]
    [InlineData(MaxTokens + 1, new[] { 1, 1 })]
    public void A_request_holds_300000_tokens_less_a_tenth(int tokens, int[] expected) =>
        Assert.Equal(expected, Sizes(new RequestPacker(), [OfTokens(tokens - 1), OfTokens(1)]));

    [Fact]
    public void A_text_larger_than_a_request_goes_alone() =>
        Assert.Equal([1, 1, 1], Sizes(new RequestPacker(), [OfTokens(1), OfTokens(MaxTokens + 1), OfTokens(1)]));

    [Theory]
    [InlineData(1_000, 900)]
    [InlineData(10_000_000, MaxTokens)]
    public void A_request_holds_no_more_than_a_minute_allows(int tokensPerMinute, int tokens)
    {
        var packer = new RequestPacker(tokensPerMinute);
        Assert.Equal([2], Sizes(packer, [OfTokens(tokens - 1), OfTokens(1)]));
        Assert.Equal([1, 1], Sizes(packer, [OfTokens(tokens), OfTokens(1)]));
    }

    [Fact]
    public void A_ceiling_that_the_provider_reported_counts_from_then_on()
    {
        var packer = new RequestPacker();
        packer.Learn([OfTokens(200_000), OfTokens(1)], 120_000);

        Assert.Equal([2], Sizes(packer, [OfTokens(107_999), OfTokens(1)]));
        Assert.Equal([1, 1], Sizes(packer, [OfTokens(108_000), OfTokens(1)]));
    }

    [Fact]
    public void A_ceiling_only_sinks()
    {
        var packer = new RequestPacker();
        packer.Learn([OfTokens(200_000), OfTokens(1)], 1_000);
        packer.Learn([OfTokens(200_000), OfTokens(1)], 120_000);

        Assert.Equal([1, 1], Sizes(packer, [OfTokens(900), OfTokens(1)]));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0)]
    [InlineData(300_000)]
    public void What_was_refused_does_not_fit_again_whatever_was_said(int? told)
    {
        foreach (var refused in new[] { 2, 3, 5, 100, 260_000 })
        {
            var packer = new RequestPacker();
            InputText[] texts = [OfTokens(refused - 1), OfTokens(1)];
            packer.Learn(texts, told);
            Assert.Equal([1, 1], Sizes(packer, texts));
        }
    }

    [Fact]
    public void Texts_are_counted_only_where_their_bytes_do_not_decide()
    {
        var counted = 0;
        InputText[] Texts(int characters) =>
            [.. Enumerable.Range(0, 20).Select(_ => new InputText(new string('a', characters), new SpyCounter(() => counted++)))];
        var packer = new RequestPacker();

        Assert.Equal(20, packer.Next(Texts(MaxTokens / 20), 0));
        Assert.Equal(0, counted);
        Assert.Equal(20, packer.Next(Texts((MaxTokens / 20) + 1), 0));
        Assert.Equal(20, counted);
    }

    // Four to a token, and a byte each.
    private static InputText OfTokens(int tokens) => new(new string('a', tokens * 4), TokenEstimate.Counter);

    private sealed class SpyCounter(Action onCount) : TokenCounter
    {
        public override string Name => "spy";

        public override bool IsExact => true;

        public override int Count(ReadOnlySpan<char> text)
        {
            onCount();
            return text.Length / 4;
        }

        public override int Reach(ReadOnlySpan<char> text, int maxTokens, out int tokens) => throw new NotSupportedException();
    }

    private static int[] Sizes(RequestPacker packer, InputText[] texts)
    {
        var sizes = new List<int>();
        for (var first = 0; first < texts.Length; first += sizes[^1])
        {
            sizes.Add(packer.Next(texts, first) - first);
        }

        Assert.Equal(sizes.Count, packer.Requests(texts.Select(text => text.RequestTokens).ToList()));
        return [.. sizes];
    }
}
