using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class AdaptiveConcurrencyLimiterTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly AdaptiveConcurrencyLimiter _limiter;

    public AdaptiveConcurrencyLimiterTests() => _limiter = new AdaptiveConcurrencyLimiter(8, _clock);

    public void Dispose() => _limiter.Dispose();

    [Fact]
    public void No_more_requests_than_the_setting_are_in_flight()
    {
        Assert.Equal(8, Enter(9));
    }

    [Fact]
    public void An_overload_halves_the_limit()
    {
        _limiter.RecordOverload();

        Assert.Equal((4, 4), (_limiter.Limit, Enter(9)));
    }

    [Fact]
    public void Requests_in_flight_at_an_overload_count_towards_the_lower_limit()
    {
        Enter(8);
        _limiter.RecordOverload();
        Leave(5);

        Assert.Equal(1, Enter(9));
    }

    [Fact]
    public void Requests_that_fail_together_halve_the_limit_once()
    {
        for (var i = 0; i < 8; i++)
        {
            _limiter.RecordOverload();
        }

        Assert.Equal(4, _limiter.Limit);
    }

    [Fact]
    public void One_request_is_always_allowed()
    {
        for (var i = 0; i < 8; i++)
        {
            _limiter.RecordOverload();
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((1, 1), (_limiter.Limit, Enter(9)));
    }

    [Fact]
    public void Each_round_of_successes_allows_one_more_up_to_the_setting()
    {
        _limiter.RecordOverload();
        Succeed(4);
        Assert.Equal(5, _limiter.Limit);

        Succeed(100);

        Assert.Equal((8, 8), (_limiter.Limit, Enter(9)));
    }

    private int Enter(int tries) => Enumerable.Range(0, tries).Count(_ =>
    {
        using var waiting = new CancellationTokenSource();
        var entering = _limiter.Enter(waiting.Token);
        waiting.Cancel();
        return entering.IsCompletedSuccessfully;
    });

    private void Leave(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _limiter.Leave();
        }
    }

    private void Succeed(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _limiter.RecordSuccess();
        }
    }
}
