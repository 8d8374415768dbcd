using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>What the log says about the circuit and the limits: changes, not calls.</summary>
public sealed class LimiterLogTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly LogLines<SharedRateLimiter> _log = new();
    private readonly List<SharedRateLimiter> _limiters = [];

    public void Dispose() => _limiters.ForEach(limiter => limiter.Dispose());

    [Fact]
    public async Task An_opened_half_open_and_closed_circuit_is_one_line_each()
    {
        var model = Model();
        await Call(model);
        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<ProviderException>(() => Call(model, new ProviderException(ProviderFault.Configuration, "wrong key")));
        }

        _clock.Advance(TimeSpan.FromMinutes(5));
        await Call(model);
        await Call(model);

        Assert.Equal(
            [
                "The circuit of model is open, calls wait or fail at once: wrong key",
                "The circuit of model is half-open, one call probes the provider",
                "The circuit of model is closed, calls go through again",
            ],
            _log.All.Select(line => line.Line));
    }

    [Fact]
    public async Task A_long_outage_is_one_line_for_those_who_do_not_debug()
    {
        var model = Model();
        await Call(model);
        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<ProviderException>(() => Call(model, new ProviderException(ProviderFault.Transient, "busy")));
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(
            [LogLevel.Information, LogLevel.Debug, LogLevel.Debug, LogLevel.Debug, LogLevel.Debug], _log.Levels);
    }

    [Fact]
    public async Task A_process_that_meets_an_open_circuit_logs_it_too()
    {
        var store = new MemoryLimiterStore(_clock);
        using var other = Limiters.Create(_clock, store: store);
        await other.Of("model").OpenCircuit(new ProviderException(ProviderFault.Configuration, "wrong key"));

        await Assert.ThrowsAsync<ProviderException>(() => Call(Model(store: store)));

        Assert.EndsWith("wrong key", Assert.Single(_log.All).Line, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_waits_for_the_limits_are_one_line_until_they_are_over()
    {
        var model = Model(new RateLimits(60, 1_000_000));
        Run(20);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Run(1);
        Run(20);

        Assert.Equal(2, _log.All.Count);
        Assert.All(_log.All, line => Assert.Matches("^Calls of model wait [3-5].[0-9] s for the shared limits of 60 requests", line.Line));

        void Run(int calls) =>
            OneThread.Run(_clock, () => Task.WhenAll(Enumerable.Range(0, calls).Select(_ => BatchCall(model))), () => false);
    }

    private static Task<int> BatchCall(ModelLimiter model) =>
        model.Call(tokens: 1, isInteractive: false, () => Task.FromResult(1), default);

    private static Task<int> Call(ModelLimiter model, ProviderException? fault = null) =>
        model.Call(tokens: 1, isInteractive: true, () => fault is null ? Task.FromResult(1) : throw fault, default);

    private ModelLimiter Model(RateLimits? limits = null, ILimiterStore? store = null)
    {
        _limiters.Add(Limiters.Create(_clock, limits, store, log: _log));
        return _limiters[^1].Of("model");
    }
}
