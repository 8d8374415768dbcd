using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class ThrottledEmbeddingGeneratorTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly ProviderGate _gate;

    public ThrottledEmbeddingGeneratorTests() => _gate = new ProviderGate(_clock);

    public void Dispose() => _gate.Dispose();

    [Theory]
    [InlineData(60, 1_000_000, 200, 10)]
    [InlineData(120, 1_000_000, 300, 10)]
    [InlineData(10_000, 5_000, 200, 400)]
    [InlineData(60, 5_000, 200, 400)]
    [InlineData(1, 1_000_000, 5, 10)]
    public async Task A_provider_with_our_limits_counted_from_any_moment_and_by_the_second_refuses_nothing(
        int requestsPerMinute, int tokensPerMinute, int requests, int longest)
    {
        await using var fake = await FakeOpenAi.StartAsync(new()
        {
            RequestsPerMinute = requestsPerMinute,
            TokensPerMinute = tokensPerMinute,
            EnforcePerSecond = true,
            TimeProvider = _clock,
        });
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = fake.ApiKey,
            BaseUrl = new Uri(fake.BaseUrl + "/"),
        };
        var counted = new CountedGenerator(ProviderFactory.Create(settings));
        using var generator = new ThrottledEmbeddingGenerator(
            counted, _gate, new RateBudget(requestsPerMinute, _clock), new RateBudget(tokensPerMinute, _clock), 8, _clock);
        var left = requests;
        var begun = _clock.GetUtcNow();
        var lanes = Enumerable.Range(0, 8).Select(lane => Work(lane)).ToList();

        // Time passes only while nothing is on its way, so that the fake's clock shows when a request was sent.
        await _clock.Drive(Task.WhenAll(lanes), () => counted.InFlight == 0 && _clock.Waiting == lanes.Count(lane => !lane.IsCompleted));

        Assert.Equal(requests, fake.RequestCount);
        Assert.All(fake.Requests, request => Assert.Equal(200, request.Status));
        var minutes = (_clock.GetUtcNow() - begun).TotalMinutes;
        var tokens = fake.Requests.Sum(request => request.Tokens);
        var use = Math.Max((requests - 1) / minutes / requestsPerMinute, tokens / minutes / tokensPerMinute);
        Assert.True(use >= 0.9, $"{use:P1} of what is allowed");

        async Task Work(int lane)
        {
            await Task.Yield();
            var random = new Random(lane);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await generator.GenerateAsync([new string('x', random.Next(1, longest))], new() { Dimensions = 8 });
            }
        }
    }

    [Fact]
    public async Task What_the_provider_counted_is_what_is_counted()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock) { TokensOfEachCall = 77 });

        await generator.GenerateAsync(["four words are here"], meter.Options("m", 1));

        Assert.Equal((1, 77), (meter.Requests, meter.Tokens));
    }

    [Fact]
    public async Task A_provider_that_does_not_count_is_counted_by_estimate()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock));

        await generator.GenerateAsync(["12345678", "1"], meter.Options("m", 1));

        Assert.Equal((1, 4), (meter.Requests, meter.Tokens));
    }

    [Fact]
    public async Task A_failed_request_is_counted_and_its_tokens_if_they_were_paid()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock,
            new ProviderException(ProviderFault.Item, "no"), new ProviderException(ProviderFault.Item, "NaN") { PaidTokens = 5 }));

        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"], meter.Options("m", 1)));
        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"], meter.Options("m", 1)));

        Assert.Equal((2, 5), (meter.Requests, meter.Tokens));
    }

    private ThrottledEmbeddingGenerator Stack(ScriptedGenerator provider) =>
        new(provider, _gate, new RateBudget(1_000_000, _clock), new RateBudget(1_000_000, _clock), 8, _clock);

    private sealed class CountedGenerator(IEmbeddingGenerator<string, Embedding<float>> inner) : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
    {
        private int _inFlight;

        public int InFlight => Volatile.Read(ref _inFlight);

        public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _inFlight);
            try
            {
                return await base.GenerateAsync(values, options, cancellationToken);
            }
            finally
            {
                Interlocked.Decrement(ref _inFlight);
            }
        }
    }
}
