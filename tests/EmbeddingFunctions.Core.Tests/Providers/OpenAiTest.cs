using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Providers;

/// <summary>A generator of OpenAI's vectors, at a fake provider.</summary>
public abstract class OpenAiTest : IAsyncLifetime
{
    private protected FakeOpenAi Fake { get; private set; } = null!;

    public async Task InitializeAsync() => Fake = await FakeOpenAi.StartAsync(new() { EchoWholeKey = true });

    public async Task DisposeAsync() => await Fake.DisposeAsync();

    private protected static EmbeddingSettings Settings(FakeOpenAi fake) => new()
    {
        Provider = ProviderChoice.OpenAi,
        ProviderReason = "test",
        ApiKey = fake.ApiKey,
        BaseUrl = new Uri(fake.BaseUrl + "/"),
    };

    private protected IEmbeddingGenerator<string, Embedding<float>> Generator(TimeSpan longestCall) =>
        ProviderFactory.Create(Settings(Fake), longestCall: longestCall);

    private protected Task<GeneratedEmbeddings<Embedding<float>>> Generate(params string[] texts) =>
        Generate(TimeSpan.FromSeconds(30), texts);

    private protected async Task<GeneratedEmbeddings<Embedding<float>>> Generate(TimeSpan longestCall, params string[] texts)
    {
        using var generator = Generator(longestCall);
        return await generator.GenerateAsync(texts.Length == 0 ? ["a"] : texts, new() { Dimensions = 8 });
    }
}
