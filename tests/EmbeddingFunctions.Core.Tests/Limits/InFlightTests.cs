using EmbeddingFunctions.Limits;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class InFlightTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly InFlight _inFlight;

    public InFlightTests() => _inFlight = new InFlight(8, _clock);

    public void Dispose() => _inFlight.Dispose();

    [Fact]
    public void So_many_may_enter_and_no_more()
    {
        Assert.Equal(8, Enter(9));
    }

    [Fact]
    public void An_overload_halves_what_may_be_in_flight()
    {
        _inFlight.NoteOverload();

        Assert.Equal((4, 4), (_inFlight.Allowed, Enter(9)));
    }

    [Fact]
    public void Those_already_in_flight_count_as_the_first_of_the_fewer()
    {
        Enter(8);
        _inFlight.NoteOverload();
        Leave(5);

        Assert.Equal(1, Enter(9));
    }

    [Fact]
    public void What_fails_together_is_one_sign()
    {
        for (var i = 0; i < 8; i++)
        {
            _inFlight.NoteOverload();
        }

        Assert.Equal(4, _inFlight.Allowed);
    }

    [Fact]
    public void One_request_may_always_be_in_flight()
    {
        for (var i = 0; i < 8; i++)
        {
            _inFlight.NoteOverload();
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((1, 1), (_inFlight.Allowed, Enter(9)));
    }

    [Fact]
    public void Each_round_that_goes_well_allows_one_more_up_to_the_setting()
    {
        _inFlight.NoteOverload();
        Well(4);
        Assert.Equal(5, _inFlight.Allowed);

        Well(100);

        Assert.Equal((8, 8), (_inFlight.Allowed, Enter(9)));
    }

    private int Enter(int tries) => Enumerable.Range(0, tries).Count(_ =>
    {
        using var patience = new CancellationTokenSource();
        var entering = _inFlight.Enter(patience.Token);
        patience.Cancel();
        return entering.IsCompletedSuccessfully;
    });

    private void Leave(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _inFlight.Leave();
        }
    }

    private void Well(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _inFlight.NoteWell();
        }
    }
}
