namespace EmbeddingFunctions.Testing;

/// <summary>What all of a fake's requests share, and what outlives its listener.</summary>
internal sealed class FakeServices(FakeOpenAiOptions options)
{
    private volatile string _apiKey = options.ApiKey;

    public FakeOpenAiOptions Options => options;

    public string ApiKey
    {
        get => _apiKey;
        set => _apiKey = value;
    }

    public RequestAudit Audit { get; } = new(options);

    public FakeRateLimits Limits { get; } = new(options);

    public FaultScript Script { get; } = new();

    public Gate Gate { get; } = new();

    public ReplyBuffers Buffers { get; } = new();

    public FakeBatches Batches => field ??= new(this);
}
