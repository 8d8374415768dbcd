using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeLimitTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public async Task No_rolling_minute_holds_more_requests_than_the_limit()
    {
        await using var fake = await StartAsync(new() { RequestsPerMinute = 2 });
        var client = new FakeClient(fake);
        Assert.Equal(200, (await client.EmbedAsync("a")).Status);
        _time.Advance(50);
        Assert.Equal(200, (await client.EmbedAsync("b")).Status);
        _time.Advance(10);
        Assert.Equal(200, (await client.EmbedAsync("c")).Status);
        _time.Advance(49.999);
        Assert.Equal(429, (await client.EmbedAsync("d")).Status);
    }

    [Fact]
    public async Task A_refusal_says_when_to_come_back_and_is_right()
    {
        await using var fake = await StartAsync(new() { RequestsPerMinute = 2 });
        var client = new FakeClient(fake);
        await client.EmbedAsync("a");
        await client.EmbedAsync("b");
        _time.Advance(18.5);
        var refused = await client.EmbedAsync("c");
        Assert.Equal((429, "rate_limit_exceeded", "requests"), (refused.Status, refused.Code, refused.Type));
        Assert.Contains("(RPM): Limit 2, Used 2, Requested 1. Please try again in 41.5s.", refused.Message, StringComparison.Ordinal);
        Assert.Equal("42", refused.Header("Retry-After"));
        Assert.Equal("41500", refused.Header("retry-after-ms"));
        _time.Advance(41.5);
        Assert.Equal(200, (await client.EmbedAsync("c")).Status);
    }

    [Fact]
    public async Task Refused_requests_count_too()
    {
        await using var fake = await StartAsync(new() { RequestsPerMinute = 1 });
        var client = new FakeClient(fake);
        await client.EmbedAsync("a");
        _time.Advance(40);
        Assert.Equal("60", (await client.EmbedAsync("b")).Header("Retry-After"));
        _time.Advance(40);
        Assert.Equal(429, (await client.EmbedAsync("c")).Status);
    }

    [Fact]
    public async Task Invalid_requests_count_too()
    {
        await using var fake = await StartAsync(new() { RequestsPerMinute = 1 });
        var client = new FakeClient(fake);
        Assert.Equal(400, (await client.EmbedAsync("")).Status);
        Assert.Equal(429, (await client.EmbedAsync("a")).Status);
    }

    [Fact]
    public async Task Tokens_have_a_limit_of_their_own()
    {
        await using var fake = await StartAsync(new() { TokensPerMinute = 10 });
        var client = new FakeClient(fake);
        var first = await client.EmbedAsync(OfTokens(8));
        Assert.Equal(("10", "2", "1m0s"), Headers(first, "tokens"));
        var refused = await client.EmbedAsync(OfTokens(3));
        Assert.Equal((429, "tokens"), (refused.Status, refused.Type));
        Assert.Contains("Limit 10, Used 8, Requested 3.", refused.Message, StringComparison.Ordinal);
        Assert.Equal(200, (await client.EmbedAsync(OfTokens(2))).Status);
    }

    [Fact]
    public async Task A_request_larger_than_the_token_limit_is_reported_so()
    {
        await using var fake = await StartAsync(new() { TokensPerMinute = 10 });
        var client = new FakeClient(fake);
        var reply = await client.EmbedAsync(OfTokens(11));
        Assert.StartsWith("Request too large for", reply.Message, StringComparison.Ordinal);
        Assert.Null(reply.Header("Retry-After"));
    }

    [Fact]
    public async Task Sixty_a_minute_can_mean_one_a_second()
    {
        await using var fake = await StartAsync(new() { RequestsPerMinute = 60, EnforcePerSecond = true });
        var client = new FakeClient(fake);
        Assert.Equal(200, (await client.EmbedAsync("a")).Status);
        _time.Advance(0.5);
        Assert.Equal("1000", (await client.EmbedAsync("b")).Header("retry-after-ms"));
        _time.Advance(1);
        Assert.Equal(200, (await client.EmbedAsync("b")).Status);
    }

    [Fact]
    public async Task Every_reply_tells_what_remains()
    {
        await using var fake = await StartAsync(new() { RequestsPerMinute = 3 });
        var client = new FakeClient(fake);
        Assert.Equal(("3", "2", "1m0s"), Headers(await client.EmbedAsync("a"), "requests"));
        _time.Advance(20);
        Assert.Equal(("3", "1", "1m0s"), Headers(await client.EmbedAsync(""), "requests"));
        client.Key = "sk-wrong";
        Assert.Equal(("3", "1", "1m0s"), Headers(await client.EmbedAsync("a"), "requests"));
    }

    private Task<FakeOpenAi> StartAsync(FakeOpenAiOptions options) => FakeOpenAi.StartAsync(options with { TimeProvider = _time });

    private static (string?, string?, string?) Headers(FakeReply reply, string unit) =>
        (
            reply.Header($"x-ratelimit-limit-{unit}"), reply.Header($"x-ratelimit-remaining-{unit}"),
            reply.Header($"x-ratelimit-reset-{unit}"));

    private static string OfTokens(int tokens) => string.Join(' ', Enumerable.Repeat("word", tokens));
}
