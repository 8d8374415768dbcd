using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

/// <summary>A fake of its own for each test.</summary>
public abstract class FakeTest : IAsyncLifetime
{
    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected FakeClient Client { get; private set; } = null!;

    private protected virtual FakeOpenAiOptions Options => new();

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync(Options);
        Client = new FakeClient(Fake);
    }

    public async Task DisposeAsync() => await Fake.DisposeAsync();
}
