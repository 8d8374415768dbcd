using EmbeddingFunctions.Testing;
using StackExchange.Redis;

namespace EmbeddingFunctions.Faults.Caches;

/// <summary>A real process whose Redis misbehaves: never an error, nothing paid twice.</summary>
public sealed class RedisFaultTests : FaultTest
{
    // A database of its own on the tests' Redis, so that emptying it is nobody else's matter.
    private const int Own = 9;

    private static readonly Uri _redis = new(Environment.GetEnvironmentVariable("TEST_REDIS_URL")
        ?? throw new InvalidOperationException("TEST_REDIS_URL is not set: run './run test', which provides a server, or set it too."));

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task F54_A_Redis_that_is_not_there_from_the_start_is_done_without() => await EmbedsAll(proxy => proxy.Refuses = true, null);

    [Fact]
    public async Task F54_A_Redis_that_answers_nothing_from_the_start_is_done_without() => await EmbedsAll(proxy => proxy.IsBlackHole = true, null);

    [Fact]
    public async Task F54_A_Redis_that_stops_to_answer_in_the_middle_is_done_without() => await EmbedsAll(null, proxy => proxy.IsBlackHole = true);

    [Fact]
    public async Task F54_A_Redis_that_is_killed_in_the_middle_is_done_without() => await EmbedsAll(null, proxy =>
    {
        proxy.Refuses = true;
        proxy.Cut();
    });

    [Fact]
    public async Task F54_A_slow_Redis_is_done_without() => await EmbedsAll(null, proxy => proxy.Delay = TimeSpan.FromMilliseconds(400));

    [Fact]
    public async Task F54_A_Redis_that_cuts_its_replies_short_is_done_without() => await EmbedsAll(proxy => proxy.CutAfter = 3_000, null);

    [Fact]
    public async Task F54_A_Redis_that_is_emptied_in_the_middle_costs_nothing()
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync($"{_redis.Host}:{_redis.Port}");
        await EmbedsAll(null, _ => redis.GetDatabase(Own).Execute("FLUSHDB"));
    }

    [Fact]
    public async Task F55_Scripts_that_Redis_has_forgotten_cost_nothing()
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync($"{_redis.Host}:{_redis.Port}");
        await EmbedsAll(null, _ => redis.GetDatabase(Own).Execute("SCRIPT", "FLUSH"));
    }

    private async Task EmbedsAll(Action<TcpProxy>? before, Action<TcpProxy>? inTheMiddle)
    {
        using var proxy = new TcpProxy(_redis.Host, _redis.Port);
        before?.Invoke(proxy);
        await Fill(2, 60);
        await using (var worker = Start("worker-1", new Dictionary<string, string> { ["REDIS_URL"] = $"redis://127.0.0.1:{proxy.Port}/{Own}" }, "--batch-size", "5"))
        {
            await Fake.WaitForRequestsAsync(4);
            inTheMiddle?.Invoke(proxy);
            (await worker.Ended()).Exits(0);
        }

        Assert.Equal(120, Fake.PaidInputCount);
        await Oracle.AssertHolds();
    }
}
