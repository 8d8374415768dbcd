using EmbeddingFunctions.Limits;

namespace EmbeddingFunctions.Core.Tests.Limits;

/// <summary>What every store of a shared flow keeps to.</summary>
public abstract class FlowStoreContract
{
    private readonly string _provider = $"provider {Guid.NewGuid()}";

    private protected abstract IFlowStore Store { get; }

    [Fact]
    public async Task There_is_nothing_at_first_but_the_time()
    {
        var kept = await Store.Read(_provider, default);

        Assert.NotNull(kept);
        Assert.Null(kept.State);
        Assert.InRange(kept.Now, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Fact]
    public async Task A_state_takes_the_place_of_the_one_that_was_expected()
    {
        Assert.True((await Store.Exchange(_provider, null, """{"a": 1}""", default))!.IsExchanged);
        var first = (await Store.Read(_provider, default))!.State;

        Assert.True((await Store.Exchange(_provider, first, """{"a": 2}""", default))!.IsExchanged);
        Assert.True((await Store.Exchange(_provider, """{"a": 2}""", """{"a": 3}""", default))!.IsExchanged);

        Assert.Equal("""{"a": 3}""", (await Store.Read(_provider, default))!.State);
    }

    [Fact]
    public async Task One_that_was_not_expected_stays_and_is_told()
    {
        await Store.Exchange(_provider, null, """{"a": 1}""", default);

        foreach (var expected in new[] { null, """{"a": 7}""" })
        {
            var kept = await Store.Exchange(_provider, expected, """{"a": 2}""", default);
            Assert.Equal((false, """{"a": 1}"""), (kept!.IsExchanged, kept.State));
        }
    }

    [Fact]
    public async Task Each_provider_has_its_own()
    {
        await Store.Exchange(_provider, null, """{"a": 1}""", default);

        Assert.Null((await Store.Read($"{_provider} of another model", default))!.State);
    }

    [Fact]
    public async Task Of_many_who_change_it_at_once_each_sees_what_the_others_did()
    {
        using var clock = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var limits = new RateLimits(60_000, 1e9);
        var flows = Enumerable.Range(0, 8).Select(_ => new ProviderFlow(_provider, [Store], TimeProvider.System)).ToList();
        var moments = await Task.WhenAll(flows.Select(flow => Task.Run(async () =>
        {
            var mine = new List<DateTimeOffset>();
            for (var i = 0; i < 25; i++)
            {
                mine.Add(await flow.Change((state, _, now) =>
                {
                    var (pace, at) = state.Pace.Take(limits, 1, isForPerson: false, now);
                    return (state with { Pace = pace }, at);
                }, clock.Token));
            }

            return mine;
        })));

        var all = moments.SelectMany(m => m).Order().ToList();
        Assert.Equal(200, all.Distinct().Count());
        Assert.All(all.Zip(all.Skip(1)), pair => Assert.True(pair.Second - pair.First >= limits.SpanOfRequest - TimeSpan.FromTicks(20)));
    }
}

public sealed class MemoryFlowStoreTests : FlowStoreContract
{
    private protected override IFlowStore Store { get; } = new MemoryFlowStore(TimeProvider.System);
}
