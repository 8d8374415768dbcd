using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeConnectionFaultTests : FakeTest
{
    public static TheoryData<Fault, int?, int> Cuts => new()
    {
        { Fault.ResetBeforeHeaders(), null, 0 },
        { Fault.ResetAfterHeaders(), 200, 1 },
        { Fault.ResetMidBody(), 200, 1 },
        { Fault.TruncatedBody(), 200, 1 },
    };

    [Theory]
    [MemberData(nameof(Cuts))]
    public async Task A_cut_reply_is_an_error_to_theClient(Fault fault, int? status, int paid)
    {
        Fake.Script(Requests.Next(1), fault);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => Client.EmbedAsync("a"));
        Assert.Equal(status, Fake.Requests[0].Status);
        Assert.Equal(paid, Fake.PaidInputCount);
        Assert.Equal(200, (await Client.EmbedAsync("a")).Status);
        Assert.Equal(1, Fake.Requests[1].InFlight);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 50_000)]
    public async Task A_reset_comes_after_what_was_to_be_sent(bool midBody, int bytes)
    {
        Fake.Script(Requests.All, midBody ? Fault.ResetMidBody() : Fault.ResetAfterHeaders());
        string[] texts = [.. Enumerable.Range(0, 2000).Select(i => $"{i}")];
        // Often enough to lose at least once, if the reset could overtake the bytes.
        for (var i = 0; i < 20; i++)
        {
            var (status, read) = await Client.ReadAsFarAsPossibleAsync(texts);
            Assert.Equal(200, status);
            Assert.InRange(read, bytes, int.MaxValue);
        }
    }

    [Fact]
    public async Task Json_can_be_cut_inside_a_whole_reply()
    {
        Fake.Script(Requests.All, Fault.CutJson());
        var reply = await Client.EmbedAsync("a");
        Assert.Equal(200, reply.Status);
        Assert.StartsWith("""{"object":"list",""", reply.Body, StringComparison.Ordinal);
        Assert.False(reply.Body.EndsWith('}'));
    }

    [Fact]
    public async Task A_dripped_reply_is_slow_and_right()
    {
        Fake.Script(Requests.All, Fault.SlowDrip(400));
        var began = Stopwatch.GetTimestamp();
        var reply = await Client.EmbedAsync("a");
        Assert.Equal([FakeVector.Of("a", FakeClient.Model, 8)], reply.Vectors);
        Assert.True(Stopwatch.GetElapsedTime(began).TotalSeconds > (reply.Body.Length - 40) / 400.0 * 0.9);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_huge_reply_has_its_size_and_is_json(bool declareLength)
    {
        Fake.Script(Requests.All, Fault.HugeBody(3_000_000, declareLength));
        var reply = await Client.EmbedAsync("a");
        Assert.Equal(3_000_000, reply.Body.Length);
        Assert.Equal([0], reply.Indexes);
    }

    [Fact]
    public async Task A_hanging_request_is_paid_for_though_itsClient_has_gone()
    {
        Fake.Script(Requests.Next(1), Fault.Hang(TimeSpan.FromMinutes(5)));
        using var leaving = new CancellationTokenSource();
        var call = Client.SendAsync(new { model = FakeClient.Model, input = "a" }, leaving.Token);
        await Fake.WaitForRequestsAsync(1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.True(SpinWait.SpinUntil(() => Fake.Requests[0].Status == 200, TimeSpan.FromSeconds(10)));
        Assert.Equal(1, Fake.PaidInputs["a"]);
    }

    [Fact]
    public async Task A_hanging_request_is_answered_when_released()
    {
        var released = new TaskCompletionSource();
        Fake.Script(Requests.Next(1), Fault.Hang(released.Task));
        var call = Client.EmbedAsync("a");
        await Fake.WaitForRequestsAsync(1);
        Assert.Equal(200, (await Client.EmbedAsync("b")).Status);
        Assert.False(call.IsCompleted);
        released.SetResult();
        Assert.Equal(200, (await call).Status);
    }

    [Fact]
    public async Task TheFake_can_go_down_and_come_back()
    {
        await Client.EmbedAsync("a");
        await Fake.GoDownAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => Client.EmbedAsync("b"));
        await Fake.ComeBackAsync();
        Assert.Equal(200, (await Client.EmbedAsync("c")).Status);
        Assert.Equal(["a", "c"], Fake.Requests.SelectMany(request => request.Texts));
    }
}
