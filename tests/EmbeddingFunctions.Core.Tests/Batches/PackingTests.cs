using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts in requests that the provider's own limits let pass; no database is needed.</summary>
public sealed class PackingTests : IAsyncLifetime
{
    private static readonly EmbeddingRule _rule = new("{text}", "text-embedding-3-small", 2);

    private readonly RequestPacker _packer = new();
    private FakeOpenAi _fake = null!;

    public async Task InitializeAsync() => _fake = await FakeOpenAi.StartAsync();

    public async Task DisposeAsync() => await _fake.DisposeAsync();

    [Theory]
    [InlineData(2_048, 1)]
    [InlineData(2_049, 2)]
    [InlineData(5_000, 3)]
    public async Task More_inputs_than_a_request_takes_go_in_several(int inputs, int requests)
    {
        await Embed([.. Enumerable.Range(0, inputs).Select(i => $"text {i}")]);

        Assert.Equal((requests, inputs), (_fake.RequestCount, _fake.PaidInputCount));
    }

    [Theory]
    [InlineData("apple ")]
    [InlineData("中")]
    [InlineData("ф")]
    [InlineData("😀")]
    public async Task More_tokens_than_a_request_takes_go_in_several_and_none_is_refused(string word)
    {
        await Embed([.. Enumerable.Range(0, 120).Select(i => $"{i}" + string.Concat(Enumerable.Repeat(word, 4_000)))]);

        Assert.All(_fake.Requests, request => Assert.Equal(200, request.Status));
        Assert.True(_fake.RequestCount > 1);
    }

    [Fact]
    public async Task A_ceiling_that_has_sunk_is_learnt_from_one_refusal()
    {
        string[] Texts(int round) =>
            [.. Enumerable.Range(0, 100).Select(i => $"{round} {i} " + string.Concat(Enumerable.Repeat("word ", 1_600)))];
        await using var fake = await FakeOpenAi.StartAsync(new() { MaxRequestTokens = 120_000 });
        await Embed(Texts(1), fake);
        Assert.Equal(1, fake.Requests.Count(request => request.Status == 400));

        await Embed(Texts(2), fake);
        await Embed(Texts(3), fake);

        Assert.Equal(1, fake.Requests.Count(request => request.Status == 400));
        Assert.Equal((300, 0), (fake.PaidInputCount, fake.DuplicatePaidInputs));
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_sent_in_parts()
    {
        _fake.Script(Requests.Where(request => request.InputCount > 3), Fault.Status(413, "<html>"));

        await Embed([.. Enumerable.Range(0, 20).Select(i => $"text number {i:00}")]);
        var requests = _fake.RequestCount;
        await Embed([.. Enumerable.Range(20, 3).Select(i => $"text number {i:00}")]);

        Assert.Equal((23, 0), (_fake.PaidInputCount, _fake.DuplicatePaidInputs));
        Assert.InRange(requests, 7, 20);
    }

    [Fact]
    public async Task How_many_inputs_the_provider_accepts_is_remembered()
    {
        _fake.Script(
            Requests.Where(request => request.InputCount > 3),
            Fault.Status(400, """{"error":{"message":"batch size 20 > maximum allowed batch size 3"}}"""));

        await Embed([.. Enumerable.Range(0, 20).Select(i => $"text number {i:00}")]);
        var requests = _fake.RequestCount;
        await Embed([.. Enumerable.Range(20, 20).Select(i => $"text number {i:00}")]);

        Assert.Equal((40, 0), (_fake.PaidInputCount, _fake.DuplicatePaidInputs));
        Assert.Equal(7, _fake.RequestCount - requests);
    }

    [Fact]
    public async Task A_refused_text_makes_no_later_request_smaller()
    {
        _fake.Script(Requests.WithInput(text => text == "poison"), Fault.BadInput());

        await Embed([.. Enumerable.Range(0, 19).Select(i => $"text number {i:00}"), "poison"]);
        var requests = _fake.RequestCount;
        await Embed([.. Enumerable.Range(20, 20).Select(i => $"text number {i:00}")]);

        Assert.Equal(1, _fake.RequestCount - requests);
    }

    [Fact]
    public async Task A_single_text_over_the_ceiling_is_its_own_fault()
    {
        _fake.Script(Requests.WithInput(text => text == "huge"), Fault.Status(413, "<html>"));

        var texts = await Embed(["small", "huge", "tiny"]);

        Assert.Equal((null, "the provider answered 413: no reason given", null), (texts[0].Failure, texts[1].Failure, texts[2].Failure));
    }

    [Fact]
    public async Task An_input_that_the_providers_tokenizer_finds_too_long_is_found_and_the_others_embedded()
    {
        await using var fake = await FakeOpenAi.StartAsync(new() { CountTokens = text => text.Length });

        var texts = await Embed([.. Enumerable.Range(0, 19).Select(i => $"text {i}"), new string('x', 9_000)], fake);

        Assert.Equal((19, 0), (fake.PaidInputCount, fake.DuplicatePaidInputs));
        Assert.InRange(fake.RequestCount, 2, 11);
        Assert.Contains("maximum context length is 8192 tokens", texts[19].Failure, StringComparison.Ordinal);
    }

    private async Task<List<TextWork>> Embed(string[] inputs, FakeOpenAi? fake = null)
    {
        fake ??= _fake;
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = fake.ApiKey,
            BaseUrl = new Uri(fake.BaseUrl + "/"),
        };
        using var generator = new CheckedEmbeddingGenerator(ProviderFactory.Create(settings));
        var texts = inputs.Select(input => new TextWork(new InputText(input, Cl100kTokens.Counter), input)).ToList();
        await new TextEmbedder(generator, _packer, new NoVectorCache())
            .Embed(texts, _rule, new RequestMeter(), since: null, inputs: null, CancellationToken.None);
        Assert.All(
            texts,
            text => Assert.Equal(text.Failure is null ? FakeVector.Of(text.Sent.Text, _rule.Model, 2) : null, text.Vector?.ToArray()));

        return texts;
    }
}
