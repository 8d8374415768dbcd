using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeStatusFaultTests : FakeTest
{
    public static TheoryData<Fault, int, string?, string?> Refusals => new()
    {
        { Fault.RateLimited(), 429, "requests", "rate_limit_exceeded" },
        { Fault.InsufficientQuota(), 429, "insufficient_quota", "insufficient_quota" },
        { Fault.InsufficientQuota("credit_balance_exhausted"), 429, "insufficient_quota", "credit_balance_exhausted" },
        { Fault.SlowDown(), 429, "rate_limit_error", "slow_down" },
        { Fault.Overloaded(), 503, "service_unavailable_error", "server_is_overloaded" },
        { Fault.ServerError(), 500, "server_error", null },
        { Fault.ServerError(409), 409, "server_error", null },
        { Fault.BadKey(), 401, "invalid_request_error", "invalid_api_key" },
        { Fault.ModelGone(), 404, "invalid_request_error", "model_not_found" },
        { Fault.BadInput(), 400, "invalid_request_error", null },
        { Fault.TooLong(), 400, "invalid_request_error", null },
        { Fault.TooManyTokens(120_000), 400, "max_tokens_per_request", "max_tokens_per_request" },
        { Fault.ErrorObject200(), 200, "server_error", null },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_refusal_has_its_shape_and_costs_nothing(Fault fault, int status, string? type, string? code)
    {
        Fake.Script(Requests.All, fault);
        var reply = await Client.EmbedAsync("a");
        Assert.Equal((status, type, code), (reply.Status, reply.Type, reply.Code));
        Assert.NotNull(reply.Header("x-request-id"));
        Assert.Empty(Fake.PaidInputs);
        Assert.Equal((status, fault.Name), (Fake.Requests[0].Status!.Value, Fake.Requests[0].Fault));
    }

    [Theory]
    [InlineData(502)]
    [InlineData(504)]
    [InlineData(520)]
    [InlineData(529)]
    public async Task A_gateway_error_is_html(int status)
    {
        Fake.Script(Requests.All, Fault.ServerError(status));
        var reply = await Client.EmbedAsync("a");
        Assert.Equal(status, reply.Status);
        Assert.StartsWith("<html>", reply.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_can_come_with_status_200()
    {
        Fake.Script(Requests.All, Fault.Html200());
        var reply = await Client.EmbedAsync("a");
        Assert.Equal(200, reply.Status);
        Assert.StartsWith("<html>", reply.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retry_hints_are_sent_as_given()
    {
        Fake.Script(Requests.Next(1), Fault.RateLimited(TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(700)));
        Fake.Script(Requests.Next(1), Fault.RateLimited());
        var hinted = await Client.EmbedAsync("a");
        Assert.Equal(("2", "700"), (hinted.Header("Retry-After"), hinted.Header("retry-after-ms")));
        Assert.Contains("Please try again in 700ms.", hinted.Message, StringComparison.Ordinal);
        var bare = await Client.EmbedAsync("a");
        Assert.Null(bare.Header("Retry-After"));
        Assert.DoesNotContain("try again", bare.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NaN")]
    [InlineData("-5")]
    [InlineData("410000")]
    [InlineData("Fri, 29 Sep 2028 16:26:57 GMT")]
    [InlineData("")]
    public async Task Any_header_value_can_be_sent(string value)
    {
        Fake.Script(Requests.All, Fault.RateLimited().WithHeader("Retry-After", value));
        Assert.Equal(value, (await Client.EmbedAsync("a")).Header("Retry-After"));
    }

    [Fact]
    public async Task A_redirect_names_its_target()
    {
        Fake.Script(Requests.All, Fault.Redirect("http://127.0.0.1:9/v1/embeddings"));
        var reply = await Client.EmbedAsync("a");
        Assert.Equal((307, "http://127.0.0.1:9/v1/embeddings"), (reply.Status, reply.Header("Location")));
    }

    [Fact]
    public async Task A_refused_key_can_be_repeated_in_full()
    {
        await using var talkative = await FakeOpenAi.StartAsync(new() { EchoWholeKey = true });
        var client = new FakeClient(talkative);
        talkative.Script(Requests.All, Fault.BadKey());
        Assert.Contains(FakeOpenAiOptions.DefaultApiKey, (await client.EmbedAsync("a")).Message, StringComparison.Ordinal);
    }
}
