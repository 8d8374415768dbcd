using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Providers;

/// <summary>What is read from the provider's refusals and from replies that cannot be used.</summary>
public sealed class OpenAiFaultTests : OpenAiTest
{
    public static TheoryData<Fault, ProviderFault> Faults => new()
    {
        { Fault.BadInput(), ProviderFault.Item },
        { Fault.TooLong(), ProviderFault.Item },
        { Fault.TooManyTokens(120_000), ProviderFault.TooManyTokens },
        { Fault.Status(413), ProviderFault.TooManyTokens },
        { Fault.BadKey(), ProviderFault.Configuration },
        { Fault.Status(402), ProviderFault.Configuration },
        { Fault.Status(403), ProviderFault.Configuration },
        { Fault.ModelGone(), ProviderFault.Configuration },
        { Fault.Status(404, "no such page"), ProviderFault.Configuration },
        { Fault.Status(422, """{"detail":"no"}"""), ProviderFault.Configuration },
        { Fault.Status(501), ProviderFault.Configuration },
        { Fault.InsufficientQuota(), ProviderFault.Configuration },
        { Fault.InsufficientQuota("credit_balance_exhausted"), ProviderFault.Configuration },
        { Fault.InsufficientQuota("organization_spend_limit_exceeded"), ProviderFault.Configuration },
        { Fault.InsufficientQuota("project_spend_limit_exceeded"), ProviderFault.Configuration },
        { Fault.InsufficientQuota("organization_usage_limit_exceeded"), ProviderFault.Configuration },
        { Fault.Status(429, """{"error":{"message":"empty","type":"insufficient_quota","code":null}}"""), ProviderFault.Configuration },
        {
            Fault.Status(400, """{"error":{"message":"This model does not support specifying dimensions.","param":null}}"""),
            ProviderFault.Configuration
        },
        {
            Fault.Status(400, """{"error":{"message":"Invalid value for 'dimensions' = 9. Must be between 1 and 5."}}"""),
            ProviderFault.Configuration
        },
        { Fault.Status(400, """{"error":{"message":"you must provide a model parameter"}}"""), ProviderFault.Configuration },
        { Fault.Status(400, """{"error":{"message":"bad","param":"dimensions"}}"""), ProviderFault.Configuration },
        { Fault.Status(400, """{"error":{"message":"bad 'model'","param":"input"}}"""), ProviderFault.Item },
        { Fault.Status(400), ProviderFault.Item },
        { Fault.Redirect("http://127.0.0.1:9/v1/embeddings"), ProviderFault.Configuration },
        { Fault.Redirect("http://127.0.0.1:9/v1/embeddings", 302), ProviderFault.Configuration },
        { Fault.RateLimited(), ProviderFault.Transient },
        { Fault.SlowDown(), ProviderFault.Transient },
        { Fault.Overloaded(), ProviderFault.Transient },
        { Fault.Status(408), ProviderFault.Transient },
        { Fault.ServerError(409), ProviderFault.Transient },
        { Fault.Status(425), ProviderFault.Transient },
        { Fault.ServerError(), ProviderFault.Transient },
        { Fault.ServerError(502), ProviderFault.Transient },
        { Fault.ServerError(503), ProviderFault.Transient },
        { Fault.ServerError(504), ProviderFault.Transient },
        { Fault.ServerError(520), ProviderFault.Transient },
        { Fault.ServerError(529), ProviderFault.Transient },
        { Fault.ResetBeforeHeaders(), ProviderFault.Transient },
        { Fault.ResetAfterHeaders(), ProviderFault.Transient },
        { Fault.ResetMidBody(), ProviderFault.Transient },
        { Fault.TruncatedBody(), ProviderFault.Transient },
        { Fault.CutJson(), ProviderFault.Reply },
        { Fault.Html200(), ProviderFault.Reply },
        { Fault.ErrorObject200(), ProviderFault.Reply },
        { Fault.EmptyData(), ProviderFault.Reply },
        { Fault.DropVector(1), ProviderFault.Reply },
        { Fault.ExtraVector(), ProviderFault.Reply },
        { Fault.DuplicateIndex(), ProviderFault.Reply },
        { Fault.OutOfRangeIndex(), ProviderFault.Reply },
        { Fault.NegativeIndex(), ProviderFault.Reply },
        { Fault.BadBase64(), ProviderFault.Reply },
        { Fault.NullElement(), ProviderFault.Reply },
        { Fault.HugeBody(140_000_000), ProviderFault.Reply },
        { Fault.HugeBody(140_000_000, declareLength: true), ProviderFault.Reply },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Each_fault_is_of_its_kind_and_sent_once(Fault fault, ProviderFault expected)
    {
        Fake.Script(Requests.All, fault);

        var found = await Assert.ThrowsAsync<ProviderException>(() => Generate("a", "b", "c"));

        Assert.Equal(expected, found.Fault);
        Assert.Equal(1, Fake.RequestCount);
        Assert.DoesNotContain(Fake.ApiKey[..8], found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_reason_is_reported_without_the_key_that_it_repeats()
    {
        Fake.Script(Requests.All, Fault.BadKey());

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.StartsWith(
            "the provider answered 401 (invalid_api_key): Incorrect API key provided: [redacted]", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"object":"error","message":"said at the top","code":400}""", "said at the top")]
    [InlineData("""{"error":"a mere text"}""", "a mere text")]
    [InlineData("<html>", "no reason given")]
    [InlineData("[]", "no reason given")]
    [InlineData("", "no reason given")]
    public async Task The_reason_is_found_where_other_servers_put_it(string body, string reason)
    {
        Fake.Script(Requests.All, Fault.Status(503, body));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.EndsWith(": " + reason, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reason_of_any_length_is_cut()
    {
        var essay = string.Concat(Enumerable.Repeat("😀", 100_000));
        Fake.Script(Requests.All, Fault.Status(500, $"{{\"error\":{{\"message\":\"{essay}\"}}}}"));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.InRange(fault.Message.Length, 400, 500);
        Assert.DoesNotContain('\ufffd', fault.Message);
    }

    public static TheoryData<string?, string?, double?> Hints => new()
    {
        { "2", null, 2 },
        { "0.5", null, 0.5 },
        { null, "700", 0.7 },
        { "4", "1500", 1.5 },
        { "3", "garbage", 3 },
        { "3", "-1", 3 },
        { "410000", null, 120 },
        { "120", null, 120 },
        { "121", null, 120 },
        { "1e300", null, 120 },
        { null, "410000000", 120 },
        { null, null, null },
        { "NaN", null, null },
        { "inf", null, null },
        { "Infinity", null, null },
        { "-5", null, null },
        { "0", null, null },
        { "", null, null },
        { "soon", null, null },
        { "12:30", null, null },
        { "Wed, 21 Oct 2015 07:28:00 GMT", null, null },
        { "Fri, 31 Dec 9999 23:59:59 GMT", null, 120 },
    };

    [Theory]
    [MemberData(nameof(Hints))]
    public async Task A_hint_is_read_as_it_was_meant_or_not_at_all(string? after, string? afterMs, double? seconds)
    {
        var fault = Fault.SlowDown();
        fault = after is null ? fault : fault.WithHeader("Retry-After", after);
        fault = afterMs is null ? fault : fault.WithHeader("retry-after-ms", afterMs);
        Fake.Script(Requests.All, fault);

        var found = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal(seconds, found.RetryAfter?.TotalSeconds);
    }

    [Fact]
    public async Task A_date_is_by_the_servers_own_clock()
    {
        Fake.Script(Requests.All, Fault.SlowDown()
            .WithHeader("Date", "Wed, 21 Oct 2015 07:28:00 GMT").WithHeader("Retry-After", "Wed, 21 Oct 2015 07:28:09 GMT"));

        var found = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal(TimeSpan.FromSeconds(9), found.RetryAfter);
    }

    [Fact]
    public async Task The_ceiling_of_a_request_is_read_from_its_refusal()
    {
        Fake.Script(Requests.All, Fault.TooManyTokens(123_456));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal(123_456, fault.MaxTokensPerRequest);
    }

    [Theory]
    [InlineData(503, "", true)]
    [InlineData(529, "", true)]
    [InlineData(429, "slow_down", true)]
    [InlineData(500, "server_is_overloaded", true)]
    [InlineData(500, "", false)]
    [InlineData(429, "rate_limit_exceeded", false)]
    public async Task Overload_is_told_from_other_faults(int status, string code, bool isOverload)
    {
        Fake.Script(Requests.Next(1), Fault.Status(status, $$$"""{"error":{"message":"no","code":"{{{code}}}"}}"""));

        Assert.Equal(isOverload, (await Assert.ThrowsAsync<ProviderException>(() => Generate("a"))).IsOverload);
    }
}
