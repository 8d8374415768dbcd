using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Core.Tests.Status;

public sealed class SharedAnswerTests
{
    private readonly ManualClock _time = new();
    private readonly SharedAnswer<int> _answer;
    private int _asked;

    public SharedAnswerTests() =>
        _answer = new(() => Task.FromResult(Interlocked.Increment(ref _asked)), _ => TimeSpan.FromSeconds(10), _time);

    [Fact]
    public async Task Those_who_ask_within_its_life_get_the_same_answer()
    {
        Assert.Equal(1, await _answer.Get(CancellationToken.None));
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(1, await _answer.Get(CancellationToken.None));

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(2, await _answer.Get(CancellationToken.None));
    }

    [Fact]
    public async Task An_expired_answer_is_asked_for_again_however_young_it_is()
    {
        Assert.Equal(1, await _answer.Get(CancellationToken.None));

        _answer.Expire();

        Assert.Equal(2, await _answer.Get(CancellationToken.None));
        Assert.Equal(2, await _answer.Get(CancellationToken.None));
    }
}
