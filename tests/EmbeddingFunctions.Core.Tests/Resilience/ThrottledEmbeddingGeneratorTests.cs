using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class ThrottledEmbeddingGeneratorTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly SharedRateLimiter _unlimited;

    public ThrottledEmbeddingGeneratorTests() => _unlimited = Limiters.Create(_clock);

    public void Dispose() => _unlimited.Dispose();

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
            CountTokens = FakeTokens.Estimate,
        });
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = fake.ApiKey,
            BaseUrl = new Uri(fake.BaseUrl + "/"),
        };
        var counted = new CountedGenerator(ProviderFactory.Create(settings));
        using var limiter = Limiters.Create(_clock, new RateLimits(requestsPerMinute, tokensPerMinute));
        using var concurrency = new AdaptiveConcurrencyLimiter(8, _clock);
        using var generator = new ThrottledEmbeddingGenerator(counted, limiter, concurrency, "text-embedding-3-small");
        var left = requests;
        var begun = _clock.GetUtcNow();

        // Time passes only while nothing is on its way, so that the fake's clock shows when a request was sent.
        OneThread.Run(_clock, () => Task.WhenAll(Enumerable.Range(0, 8).Select(Work)), () => counted.InFlight > 0);

        Assert.Equal(requests, fake.RequestCount);
        Assert.All(fake.Requests, request => Assert.Equal(200, request.Status));
        var minutes = (_clock.GetUtcNow() - begun).TotalMinutes;
        var tokens = fake.Requests.Sum(request => request.Tokens);
        var use = Math.Max((requests - 1) / minutes / requestsPerMinute, tokens / minutes / tokensPerMinute);
        Assert.True(use >= 0.9, $"{use:P1} of what is allowed");

        async Task Work(int lane)
        {
            var random = new Random(lane);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await generator.GenerateAsync(
                    [new string('x', random.Next(1, longest))], new RequestMeter().Options("text-embedding-3-small", 8));
            }
        }
    }

    [Fact]
    public async Task The_tokens_that_the_provider_counts_are_recorded()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock) { TokensOfEachCall = 77 });

        await generator.GenerateAsync(["four words are here"], meter.Options("m", 1));

        Assert.Equal((1, 77), (meter.Requests, meter.Tokens));
    }

    [Fact]
    public async Task Tokens_are_estimated_if_the_provider_does_not_count_them()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock));

        await generator.GenerateAsync(["12345678", "1"], meter.Options("m", 1));

        Assert.Equal((1, 4), (meter.Requests, meter.Tokens));
    }

    [Fact]
    public async Task Tokens_counted_by_the_caller_are_requested_from_the_limiter()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock));

        await generator.GenerateAsync(["12345678", "1"], meter.Options("m", 1, tokens: 77));

        Assert.Equal((1, 77), (meter.Requests, meter.Tokens));
    }

    [Fact]
    public async Task A_failed_request_is_counted_and_its_tokens_if_they_were_charged()
    {
        var meter = new RequestMeter();
        using var generator = Stack(new ScriptedGenerator(_clock,
            new ProviderException(ProviderFault.Item, "no"), new ProviderException(ProviderFault.Item, "NaN") { PaidTokens = 5 }));

        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"], meter.Options("m", 1)));
        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"], meter.Options("m", 1)));

        Assert.Equal((2, 5), (meter.Requests, meter.Tokens));
    }

    [Fact]
    public async Task An_overload_halves_the_concurrency_and_another_fault_does_not()
    {
        using var concurrency = new AdaptiveConcurrencyLimiter(8, _clock);
        var provider = new ScriptedGenerator(
            _clock, new ProviderException(ProviderFault.Item, "no"),
            new ProviderException(ProviderFault.Transient, "slow down") { IsOverload = true });
        using var generator = new ThrottledEmbeddingGenerator(provider, _unlimited, concurrency, "m");

        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"]));
        Assert.Equal(8, concurrency.Limit);
        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"]));

        Assert.Equal(4, concurrency.Limit);
    }

    private ThrottledEmbeddingGenerator Stack(ScriptedGenerator provider) =>
        new(provider, _unlimited, new AdaptiveConcurrencyLimiter(8, _clock), "m");

    private sealed class CountedGenerator(
        IEmbeddingGenerator<string, Embedding<float>> inner) : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
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
