using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>Every store of a shared limiter state behaves like this.</summary>
public abstract class LimiterStoreContract
{
    private readonly string _name = $"provider {Guid.NewGuid()}";

    private protected abstract ILimiterStore Store { get; }

    [Fact]
    public async Task A_new_name_has_no_state_and_the_time()
    {
        var stored = await Store.Read(_name);

        Assert.NotNull(stored);
        Assert.Null(stored.State);
        Assert.InRange(stored.Now, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Fact]
    public async Task A_state_replaces_the_expected_one()
    {
        Assert.True((await Store.Exchange(_name, null, """{"a": 1}"""))!.IsExchanged);
        var first = (await Store.Read(_name))!.State;

        Assert.True((await Store.Exchange(_name, first, """{"a": 2}"""))!.IsExchanged);
        Assert.True((await Store.Exchange(_name, """{"a": 2}""", """{"a": 3}"""))!.IsExchanged);

        Assert.Equal("""{"a": 3}""", (await Store.Read(_name))!.State);
    }

    [Fact]
    public async Task An_unexpected_state_stays_and_is_returned()
    {
        await Store.Exchange(_name, null, """{"a": 1}""");

        foreach (var expected in new[] { null, """{"a": 7}""" })
        {
            var stored = await Store.Exchange(_name, expected, """{"a": 2}""");
            Assert.Equal((false, """{"a": 1}"""), (stored!.IsExchanged, stored.State));
        }
    }

    [Fact]
    public async Task Each_name_has_a_state_of_its_own()
    {
        await Store.Exchange(_name, null, """{"a": 1}""");

        Assert.Null((await Store.Read($"{_name} of another model"))!.State);
    }

    [Fact]
    public async Task Concurrent_changes_see_each_other()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var limits = new RateLimits(60_000, 1e9);
        var processes = Enumerable.Range(0, 8)
            .Select(_ => new SharedState(_name, Store, TimeProvider.System, NullLogger.Instance)).ToList();
        var reserved = await Task.WhenAll(processes.Select(process => Task.Run(async () =>
        {
            var own = new List<DateTimeOffset>();
            for (var i = 0; i < 25; i++)
            {
                own.Add(await process.Change((state, _, now) =>
                {
                    var (bucket, at) = state.Bucket.Reserve(limits, 1, isInteractive: false, now);
                    return (state with { Bucket = bucket }, at);
                }, timeout.Token));
            }

            return own;
        })));

        var all = reserved.SelectMany(own => own).Order().ToList();
        Assert.Equal(200, all.Distinct().Count());
        var least = limits.TimePerRequest - TimeSpan.FromTicks(20);
        Assert.All(all.Zip(all.Skip(1)), pair => Assert.True(pair.Second - pair.First >= least));
    }
}

public sealed class MemoryLimiterStoreTests : LimiterStoreContract
{
    private protected override ILimiterStore Store { get; } = new MemoryLimiterStore(TimeProvider.System);
}
