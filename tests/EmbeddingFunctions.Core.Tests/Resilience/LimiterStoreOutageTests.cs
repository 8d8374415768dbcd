using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>A process that cannot reach the store of the shared limits continues alone.</summary>
public sealed class LimiterStoreOutageTests : IDisposable
{
    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    private readonly ManualClock _clock = new();
    private readonly MemoryLimiterStore _store;
    private readonly LogLines<SharedRateLimiter> _log = new();
    private readonly SharedRateLimiter _limiter;
    private int _calls;

    public LimiterStoreOutageTests()
    {
        _store = new MemoryLimiterStore(_clock);
        _limiter = Limiters.Create(_clock, new RateLimits(60, 1_000_000), _store, log: _log);
    }

    public void Dispose() => _limiter.Dispose();

    [Fact]
    public async Task A_quarter_of_the_limit_is_used_during_the_outage_and_all_of_it_afterwards()
    {
        await Call();

        _store.IsUnavailable = true;
        Assert.InRange(TimeOf(calls: 5), TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(18));
        _store.IsUnavailable = false;
        _clock.Advance(TimeSpan.FromSeconds(10));

        Assert.InRange(TimeOf(calls: 6), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6));
    }

    [Fact]
    public async Task A_circuit_that_was_open_before_the_outage_stays_open()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        _store.IsUnavailable = true;

        await Assert.ThrowsAsync<ProviderException>(() => Call());

        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task A_circuit_that_another_process_opened_meanwhile_is_open_after_the_outage()
    {
        await Call();
        _store.IsUnavailable = true;
        await _clock.Drive(Call());
        _store.IsUnavailable = false;
        using var other = Limiters.Create(_clock, store: _store);
        await other.Of("model").OpenCircuit(_wrongKey);

        await Assert.ThrowsAsync<ProviderException>(() => Call());

        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task Loss_and_return_of_the_store_are_logged_once_each()
    {
        using var unlimited = Limiters.Create(_clock, store: _store, log: _log);
        foreach (var isUnavailable in new[] { false, true, true, false, false })
        {
            _store.IsUnavailable = isUnavailable;
            await Call(limiter: unlimited);
            await unlimited.Of("model").Resume();
        }

        Assert.Equal([LogLevel.Warning, LogLevel.Information], _log.Levels);
        Assert.StartsWith("The database cannot be reached for the shared limits of provider", _log.All[0].Line, StringComparison.Ordinal);
        Assert.Equal("The shared limits of provider model are back in use", _log.All[1].Line);
    }

    [Fact]
    public async Task A_store_that_was_never_reached_is_not_logged()
    {
        _store.IsUnavailable = true;

        await Call();

        Assert.Empty(_log.All);
    }

    private Task<int> Call(Func<Task<int>>? call = null, SharedRateLimiter? limiter = null) => (limiter ?? _limiter).Of("model").Call(
        tokens: 1,
        isInteractive: false,
        () =>
        {
            _calls++;
            return call?.Invoke() ?? Task.FromResult(1);
        },
        default);

    private TimeSpan TimeOf(int calls)
    {
        var begun = _clock.GetUtcNow();
        OneThread.Run(_clock, () => Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Call())), () => false);
        return _clock.GetUtcNow() - begun;
    }
}
