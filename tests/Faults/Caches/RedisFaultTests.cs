using EmbeddingFunctions.Faults.Harness;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Caches;

/// <summary>A real process whose Redis misbehaves: never an error, nothing paid twice.</summary>
public sealed class RedisFaultTests : FaultTest
{
    private static readonly OwnRedis _redis = new(9);

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task F54_A_Redis_that_is_not_there_from_the_start_is_done_without() => await FromTheStart(proxy => proxy.Refuses = true);

    [Fact]
    public async Task F54_A_Redis_that_answers_nothing_from_the_start_is_done_without() =>
        await FromTheStart(proxy => proxy.IsBlackHole = true);

    [Fact]
    public async Task F54_A_Redis_that_stops_to_answer_in_the_middle_is_done_without() =>
        await InTheMiddle(proxy => proxy.IsBlackHole = true);

    [Fact]
    public async Task F54_A_Redis_that_is_killed_in_the_middle_is_done_without() => await InTheMiddle(proxy =>
    {
        proxy.Refuses = true;
        proxy.Cut();
    });

    [Fact]
    public async Task F54_A_slow_Redis_is_done_without() => await InTheMiddle(proxy => proxy.Delay = TimeSpan.FromMilliseconds(400));

    [Fact]
    public async Task F54_A_Redis_that_cuts_its_replies_short_is_done_without() => await FromTheStart(proxy => proxy.CutAfter = 3_000);

    [Fact]
    public async Task F54_A_Redis_that_is_emptied_in_the_middle_costs_nothing() => await InTheMiddle(_redis.Clear);

    private Task FromTheStart(Action<TcpProxy> fault) => EmbedsAll(fault, _ => Task.CompletedTask);

    private Task InTheMiddle(Func<Task> fault) => EmbedsAll(_ => { }, _ => fault());

    private Task InTheMiddle(Action<TcpProxy> fault) => EmbedsAll(_ => { }, proxy =>
    {
        fault(proxy);
        return Task.CompletedTask;
    });

    private async Task EmbedsAll(Action<TcpProxy> fromTheStart, Func<TcpProxy, Task> inTheMiddle)
    {
        using var proxy = new TcpProxy(OwnRedis.Host, OwnRedis.Port);
        fromTheStart(proxy);
        await Fill(2, 60);
        await using (
            var worker = Start(
                "worker-1", new Dictionary<string, string> { ["REDIS_URL"] = _redis.UrlAt($"127.0.0.1:{proxy.Port}") }, "--batch-size",
                "5"))
        {
            await Fake.WaitForRequestsAsync(4);
            await inTheMiddle(proxy);
            (await worker.Ended()).Exits(0);
        }

        Assert.Equal(120, Fake.PaidInputCount);
        await Oracle.AssertHolds();
    }
}
