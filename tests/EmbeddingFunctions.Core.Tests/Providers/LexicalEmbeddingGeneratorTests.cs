using System.Text.Json;
using EmbeddingFunctions.Cli.Samples;
using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Providers;

public sealed class LexicalEmbeddingGeneratorTests
{
    private const string Text = "Checkout hangs after applying a coupon";

    // Issue, fix, re-report: what a person would call the same matter. The first of each group is looked up.
    private static readonly string[][] SameMatter =
    [
        ["storefront/issue-112", "storefront/pull-115", "mobile/issue-60"],
        ["storefront/issue-118", "storefront/issue-131", "storefront/pull-134"],
        ["storefront/issue-127", "storefront/pull-129"],
        ["storefront/issue-145", "storefront/pull-147", "storefront/discussion-149"],
        ["storefront/issue-152", "storefront/pull-155", "mobile/issue-73"],
        ["storefront/issue-158", "platform/issue-228", "platform/pull-229"],
        ["mobile/issue-61", "platform/issue-203", "platform/pull-205"],
        ["mobile/issue-66", "mobile/pull-68", "storefront/issue-140", "platform/pull-236"],
        ["mobile/issue-70", "mobile/pull-72", "storefront/discussion-136"],
        ["mobile/issue-75", "mobile/issue-77", "mobile/pull-79"],
        ["platform/issue-207", "platform/pull-209", "storefront/issue-124"],
        ["platform/issue-212", "platform/pull-215", "platform/discussion-214"],
        ["platform/issue-218", "platform/pull-220"],
        ["platform/issue-223", "platform/pull-225"],
    ];

    [Fact]
    public async Task A_text_has_the_same_vector_on_every_machine()
    {
        var vector = await EmbedAsync(8, Text);

        double[] expected = [-0.238751, 0.192541, -0.123226, 0.292663, -0.546818, -0.354276, 0.616132, -0.030807];
        Assert.Equal(expected, vector.Select(value => Math.Round(value, 6)));
    }

    [Fact]
    public async Task A_text_has_the_same_vector_in_any_company()
    {
        var together = await new LexicalEmbeddingGenerator(64).GenerateAsync(["One", Text, "Three", Text]);

        var alone = await EmbedAsync(64, Text);
        Assert.Equal(alone, together[1].Vector.ToArray());
        Assert.Equal(alone, together[3].Vector.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(384)]
    [InlineData(1536)]
    public async Task Vectors_have_the_dimensions_asked_for_and_length_one(int dimensions)
    {
        string[] texts = [Text, "a", "日本語のタブバー", "naïve café, 12 €", "!!!", "…", " \n", "❤️", "\ud800", new string('x', 5_000)];
        foreach (var text in texts)
        {
            var vector = await EmbedAsync(dimensions, text);

            Assert.Equal(dimensions, vector.Length);
            Assert.Equal(1, Math.Sqrt(Similarity(vector, vector)), 5);
        }
    }

    [Fact]
    public async Task Few_dimensions_cancel_features_but_never_all_of_a_text()
    {
        var embeddings = await new LexicalEmbeddingGenerator(1).GenerateAsync(Enumerable.Range(0, 2_000).Select(n => $"{n:x}"));

        Assert.All(embeddings, embedding => Assert.Equal(1, Math.Abs(embedding.Vector.Span[0])));
    }

    [Fact]
    public async Task Options_may_ask_for_other_dimensions()
    {
        var embeddings = await new LexicalEmbeddingGenerator(8).GenerateAsync([Text], new EmbeddingGenerationOptions { Dimensions = 16 });

        Assert.Equal(await EmbedAsync(16, Text), embeddings[0].Vector.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Dimensions_below_one_are_refused(int dimensions) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new LexicalEmbeddingGenerator(dimensions));

    [Fact]
    public async Task An_empty_text_is_refused() =>
        await Assert.ThrowsAsync<ArgumentException>(async () => await EmbedAsync(8, ""));

    [Fact]
    public async Task No_texts_give_no_vectors() => Assert.Empty(await new LexicalEmbeddingGenerator(8).GenerateAsync([]));

    [Theory]
    [InlineData("CHECKOUT hangs, after applying a coupon!")]
    [InlineData("checkout\thangs\nafter applying a — coupon")]
    public async Task Case_and_punctuation_make_no_difference(string text) =>
        Assert.Equal(await EmbedAsync(64, Text), await EmbedAsync(64, text));

    [Theory]
    [InlineData("ΣΊΣΥΦΟΣ", "σίσυφος")]
    [InlineData("ПРИВЕТ", "привет")]
    [InlineData("𐐀𐐁", "𐐨𐐩")]
    public async Task Case_makes_no_difference_in_other_alphabets(string upper, string lower) =>
        Assert.Equal(await EmbedAsync(64, upper), await EmbedAsync(64, lower));

    [Theory]
    [InlineData("!!!", "???")]
    [InlineData("❤️", "☀️")]
    [InlineData("dog bites man", "man bites dog")]
    public async Task Different_texts_have_different_vectors(string one, string other) =>
        Assert.NotEqual(await EmbedAsync(64, one), await EmbedAsync(64, other));

    [Theory]
    [InlineData("The checkout hangs when a coupon is applied", "Sitemap lists deleted products")]
    [InlineData("Applying the coupon hung our checkouts", "Dark mode: several texts are unreadable")]
    [InlineData("Coupon makes the checkout hang", "Delivery date shows yesterday for customers in New Zealand")]
    public async Task Near_duplicates_are_nearer_than_strangers(string duplicate, string stranger)
    {
        var text = await EmbedAsync(384, Text);

        var near = Similarity(text, await EmbedAsync(384, duplicate));
        var far = Similarity(text, await EmbedAsync(384, stranger));
        Assert.True(near > far + 0.1, $"{near:f3} is not clearly above {far:f3}");
    }

    [Fact]
    public async Task A_look_up_in_the_sample_finds_the_same_matter()
    {
        var items = Sample().ToList();
        var embeddings = await new LexicalEmbeddingGenerator(384).GenerateAsync(items.Select(item => item.Text));
        var vectors = items.Zip(embeddings).ToDictionary(pair => pair.First.Key, pair => pair.Second.Vector.ToArray());

        var missed = SameMatter.Where(group => !group.Contains(Nearest(group[0], vectors))).Select(group => group[0]).ToList();

        Assert.True(missed.Count <= SameMatter.Length * 0.2, $"The nearest item is another matter for {string.Join(", ", missed)}.");
    }

    [Fact]
    public async Task Usage_and_model_are_filled_in()
    {
        var embeddings = await new LexicalEmbeddingGenerator(8).GenerateAsync([Text, "!!!"]);

        Assert.Equal(6 + 1, embeddings.Usage?.InputTokenCount);
        Assert.All(embeddings, embedding => Assert.Equal("lexical-1", embedding.ModelId));
    }

    [Fact]
    public void Services_are_the_metadata_and_the_generator_itself()
    {
        using var generator = new LexicalEmbeddingGenerator(384);

        var metadata = generator.GetService<EmbeddingGeneratorMetadata>();
        Assert.Equal(("lexical-1", 384), (metadata?.DefaultModelId, metadata?.DefaultModelDimensions));
        Assert.Same(generator, generator.GetService<LexicalEmbeddingGenerator>());
        Assert.Null(generator.GetService<string>());
        Assert.Null(generator.GetService(typeof(EmbeddingGeneratorMetadata), "key"));
    }

    private static async Task<float[]> EmbedAsync(int dimensions, string text) =>
        (await new LexicalEmbeddingGenerator(dimensions).GenerateAsync([text]))[0].Vector.ToArray();

    private static double Similarity(float[] one, float[] other) => one.Zip(other, (a, b) => (double)a * b).Sum();

    private static string Nearest(string key, Dictionary<string, float[]> vectors) =>
        vectors.Where(other => other.Key != key).MaxBy(other => Similarity(vectors[key], other.Value)).Key;

    private static IEnumerable<(string Key, string Text)> Sample()
    {
        using var reader = new StreamReader(SampleWorkspace.Open());
        while (reader.ReadLine() is { } line)
        {
            using var item = JsonDocument.Parse(line);
            string? Value(string name) => item.RootElement.GetProperty(name).GetString();
            yield return (
                $"{Value("repository")!["acme/".Length..]}/{Value("key")}",
                $"[{Value("kind")!.ToUpperInvariant()}] {Value("title")} {Value("body")}");
        }
    }
}
