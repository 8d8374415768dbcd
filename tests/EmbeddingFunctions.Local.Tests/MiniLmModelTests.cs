using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;
using static EmbeddingFunctions.Local.Tests.SharedModel;

namespace EmbeddingFunctions.Local.Tests;

[Collection(SharedModel.Collection)]
public sealed class MiniLmModelTests(SharedModel shared)
{
    private const string Late = "Order confirmation e-mail arrives hours late";

    // The figures that the model's authors print beside this example.
    [Theory]
    [InlineData("That is a happy dog", 0.695)]
    [InlineData("That is a very happy person", 0.943)]
    [InlineData("Today is a sunny day", 0.257)]
    public async Task Similarities_are_those_of_the_published_model(string other, double published)
    {
        var vectors = await shared.Embed(["That is a happy person", other]);

        Assert.Equal(published, Cosine(vectors[0], vectors[1]), 0.002);
    }

    [Fact]
    public async Task A_text_is_near_another_of_the_same_meaning_that_shares_no_word_with_it()
    {
        var vectors = await shared.Embed([Late, "Customers do not receive their purchase receipts until the next day"]);

        Assert.True(Cosine(vectors[0], vectors[1]) >= 0.4, $"{Cosine(vectors[0], vectors[1])}");
    }

    [Theory]
    [InlineData("Dark mode for the shop: which colours?")]
    [InlineData("Battery drain: location is updated in the background")]
    [InlineData("Exporter panics: assignment to entry in nil map")]
    public async Task A_text_is_far_from_one_about_something_else(string other)
    {
        var vectors = await shared.Embed([Late, other]);

        Assert.True(Cosine(vectors[0], vectors[1]) <= 0.2, $"{Cosine(vectors[0], vectors[1])}");
    }

    [Fact]
    public async Task A_text_has_the_same_vector_alone_and_in_any_batch()
    {
        var texts = Enumerable.Range(0, 70)
            .Select(n => string.Join(' ', Enumerable.Repeat($"word {n}", 1 + (n * n % 130)))).Append(Late).ToList();

        var together = await shared.Embed(texts);
        var reversed = await shared.Embed(Enumerable.Reverse(texts));

        for (var i = 0; i < texts.Count; i++)
        {
            Assert.True(Cosine(await shared.Embed(texts[i]), together[i]) >= 0.9999, $"text {i}");
            Assert.True(Cosine(together[i], reversed[texts.Count - 1 - i]) >= 0.9999, $"text {i}");
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("!!!")]
    [InlineData("\u200b")]
    [InlineData("日本語のテキスト 😀 naïve Ελλάς привет مرحبا")]
    [InlineData("\ud800 lone")]
    [InlineData("[CLS] [SEP] [MASK] <|endoftext|> \0")]
    public async Task Every_text_has_a_vector_of_length_one(string text)
    {
        var vector = await shared.Embed(text);

        Assert.Equal(384, vector.Length);
        Assert.Equal(1, Length(vector), 1e-5);
    }

    [Fact]
    public async Task More_dimensions_are_filled_with_zeros_and_the_cosine_stays()
    {
        string[] texts = [Late, "Customers do not receive their purchase receipts until the next day"];
        var (own, wide) = (await shared.Embed(texts), await shared.Embed(texts, 1_536));

        Assert.All(wide, vector => Assert.Equal(1_536, vector.Length));
        Assert.All(wide, vector => Assert.All(vector[384..], value => Assert.Equal(0, value)));
        Assert.Equal(Cosine(own[0], own[1]), Cosine(wide[0], wide[1]), 1e-9);
    }

    [Fact]
    public async Task Fewer_dimensions_are_refused_with_what_to_declare()
    {
        var error = await Assert.ThrowsAsync<ProviderException>(() => shared.Embed([Late], 256));

        Assert.Equal(ProviderFault.Configuration, error.Fault);
        Assert.Contains("declare 384 or more", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_text_is_a_mistake_of_the_caller() =>
        await Assert.ThrowsAsync<ArgumentException>(() => shared.Embed(["a", ""]));

    [Fact]
    public async Task No_texts_give_no_vectors() => Assert.Empty(await shared.Embed([]));

    [Fact]
    public async Task Usage_counts_the_word_pieces_that_were_read()
    {
        var reply = await shared.Model.GenerateAsync(["hello world", string.Join(' ', Enumerable.Repeat("word", 1_000))]);

        Assert.Equal(4 + WordPieces.Window, reply.Usage?.InputTokenCount);
    }

    [Fact]
    public async Task Many_callers_at_once_each_get_their_own_vectors()
    {
        var texts = Enumerable.Range(0, 24).Select(n => $"caller {n} asks about item {n * 37}").ToList();
        var alone = await shared.Embed(texts);

        var callers = await Task.WhenAll(texts.Select(text => Task.Run(() => shared.Embed([text, Late, text]))));

        for (var i = 0; i < texts.Count; i++)
        {
            Assert.True(Cosine(alone[i], callers[i][0]) >= 0.9999, texts[i]);
            Assert.True(Cosine(alone[i], callers[i][2]) >= 0.9999, texts[i]);
        }
    }

    [Fact]
    public async Task A_cancelled_call_ends_long_before_its_texts_and_the_next_one_works()
    {
        var text = string.Join(' ', Enumerable.Range(0, 400).Select(n => $"word{n}"));
        using var cancellation = new CancellationTokenSource();
        var call = shared.Model.GenerateAsync(Enumerable.Repeat(text, 2_000), null, cancellation.Token);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(384, (await shared.Embed(Late)).Length);
    }

    [Fact]
    public void It_says_which_model_it_is()
    {
        var metadata = shared.Model.GetService<EmbeddingGeneratorMetadata>();

        Assert.Equal((EmbeddingSettings.LocalModel, Network.Dimensions), (metadata?.DefaultModelId, metadata?.DefaultModelDimensions));
        Assert.Equal(EmbeddingSettings.LocalDimensions, Network.Dimensions);
    }
}
