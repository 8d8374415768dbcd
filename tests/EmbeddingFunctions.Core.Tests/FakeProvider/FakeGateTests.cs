using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeGateTests : FakeTest
{
    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(50) };

    [Fact]
    public async Task Held_requests_wait_until_released()
    {
        var hold = Fake.Hold();
        var calls = Enumerable.Range(0, 3).Select(i => Client.EmbedAsync($"{i}")).ToArray();
        await Fake.WaitForRequestsAsync(3);
        Assert.All(calls, call => Assert.False(call.IsCompleted));
        Assert.Empty(Fake.PaidInputs);
        hold.Release();
        Assert.All(await Task.WhenAll(calls), reply => Assert.Equal(200, reply.Status));
        Assert.Equal(3, Fake.MaxInFlight);
    }

    [Fact]
    public async Task A_hold_can_be_for_some_requests_only()
    {
        using var hold = Fake.Hold(Requests.WithInput(text => text == "slow"));
        var slow = Client.EmbedAsync("slow");
        await hold.WaitForHeldAsync(1);
        Assert.Equal(200, (await Client.EmbedAsync("fast")).Status);
        Assert.False(slow.IsCompleted);
        hold.Release();
        Assert.Equal(200, (await slow).Status);
    }

    [Fact]
    public async Task AClient_that_leaves_while_held_is_not_charged()
    {
        using var hold = Fake.Hold();
        using var leaving = new CancellationTokenSource();
        var call = Client.SendAsync(new { model = FakeClient.Model, input = "a" }, leaving.Token);
        await Fake.WaitForRequestsAsync(1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Fake.DisposeAsync();
        Assert.Empty(Fake.PaidInputs);
        Assert.Null(Fake.Requests[0].Status);
    }

    [Fact]
    public async Task Waiting_for_requests_that_do_not_come_fails_with_the_count()
    {
        await Client.EmbedAsync("a");
        var late = await Assert.ThrowsAsync<TimeoutException>(() => Fake.WaitForRequestsAsync(2, TimeSpan.FromMilliseconds(20)));
        Assert.Equal("Saw 1 of 2 requests in 0.02 s.", late.Message);
    }

    [Fact]
    public async Task Disposing_lets_held_requests_go()
    {
        Fake.Hold();
        var call = Client.EmbedAsync("a");
        await Fake.WaitForRequestsAsync(1);
        var began = Stopwatch.GetTimestamp();
        await Fake.DisposeAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => call);
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Latency_is_kept()
    {
        var began = Stopwatch.GetTimestamp();
        await Client.EmbedAsync("a");
        Assert.True(Stopwatch.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(49));
    }
}
