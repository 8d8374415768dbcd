using System.Diagnostics;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Providers;

public sealed class OpenAiEmbeddingGeneratorTests : IAsyncLifetime
{
    private const string Model = "text-embedding-3-small";

    private FakeOpenAi _fake = null!;

    public async Task InitializeAsync() => _fake = await FakeOpenAi.StartAsync(new() { EchoWholeKey = true });

    public async Task DisposeAsync() => await _fake.DisposeAsync();

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
        { Fault.RateLimited(), ProviderFault.Passing },
        { Fault.SlowDown(), ProviderFault.Passing },
        { Fault.Overloaded(), ProviderFault.Passing },
        { Fault.Status(408), ProviderFault.Passing },
        { Fault.ServerError(409), ProviderFault.Passing },
        { Fault.Status(425), ProviderFault.Passing },
        { Fault.ServerError(), ProviderFault.Passing },
        { Fault.ServerError(502), ProviderFault.Passing },
        { Fault.ServerError(503), ProviderFault.Passing },
        { Fault.ServerError(504), ProviderFault.Passing },
        { Fault.ServerError(520), ProviderFault.Passing },
        { Fault.ServerError(529), ProviderFault.Passing },
        { Fault.ResetBeforeHeaders(), ProviderFault.Passing },
        { Fault.ResetAfterHeaders(), ProviderFault.Passing },
        { Fault.ResetMidBody(), ProviderFault.Passing },
        { Fault.TruncatedBody(), ProviderFault.Passing },
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
        _fake.Script(Requests.All, fault);

        var found = await Assert.ThrowsAsync<ProviderException>(() => Generate("a", "b", "c"));

        Assert.Equal(expected, found.Fault);
        Assert.Equal(1, _fake.RequestCount);
        Assert.DoesNotContain(_fake.ApiKey[..8], found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_reason_is_reported_without_the_key_that_it_repeats()
    {
        _fake.Script(Requests.All, Fault.BadKey());

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
        _fake.Script(Requests.All, Fault.Status(503, body));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.EndsWith(": " + reason, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reason_of_any_length_is_cut()
    {
        var essay = string.Concat(Enumerable.Repeat("😀", 100_000));
        _fake.Script(Requests.All, Fault.Status(500, $"{{\"error\":{{\"message\":\"{essay}\"}}}}"));

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
        _fake.Script(Requests.All, fault);

        var found = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal(seconds, found.RetryAfter?.TotalSeconds);
    }

    [Fact]
    public async Task A_date_is_by_the_servers_own_clock()
    {
        _fake.Script(Requests.All, Fault.SlowDown()
            .WithHeader("Date", "Wed, 21 Oct 2015 07:28:00 GMT").WithHeader("Retry-After", "Wed, 21 Oct 2015 07:28:09 GMT"));

        var found = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal(TimeSpan.FromSeconds(9), found.RetryAfter);
    }

    [Fact]
    public async Task The_ceiling_of_a_request_is_read_from_its_refusal()
    {
        _fake.Script(Requests.All, Fault.TooManyTokens(123_456));

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
        _fake.Script(Requests.Next(1), Fault.Status(status, $$$"""{"error":{"message":"no","code":"{{{code}}}"}}"""));

        Assert.Equal(isOverload, (await Assert.ThrowsAsync<ProviderException>(() => Generate("a"))).IsOverload);
    }

    [Fact]
    public async Task What_the_server_says_of_its_limits_comes_with_the_reply_and_with_a_refusal()
    {
        await using var fake = await FakeOpenAi.StartAsync(new() { RequestsPerMinute = 1, TokensPerMinute = 1_000 });
        using var generator = ProviderFactory.Create(Settings(fake));

        var reply = await generator.GenerateAsync(["a"]);
        var refusal = await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"]));

        foreach (var limits in new[] { (ProviderLimits)reply.AdditionalProperties![ProviderLimits.Property]!, refusal.Limits! })
        {
            Assert.Equal((1, 1_000), (limits.Requests, limits.Tokens));
            Assert.InRange(limits.UsedUpFor!.Value.TotalSeconds, 50, 121);
        }
    }

    [Fact]
    public async Task Vectors_are_paired_by_their_index()
    {
        _fake.Script(Requests.All, Fault.Shuffle());

        string[] texts = ["a", "b", "c"];

        var reply = await Generate(texts);

        Assert.Equal(texts.Select(Vector), reply.Select(embedding => embedding.Vector.ToArray()));
    }

    [Fact]
    public async Task Floats_are_taken_though_base64_was_asked_for()
    {
        _fake.Script(Requests.All, Fault.FloatsThoughBase64Asked());

        var reply = await Generate("a");

        Assert.Equal(Vector("a"), reply[0].Vector.ToArray());
    }

    [Fact]
    public async Task What_a_reply_that_cannot_be_used_cost_is_known()
    {
        _fake.Script(Requests.All, Fault.DuplicateIndex());

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("12345678", "1"));

        Assert.Equal(4, fault.PaidTokens);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_a_timeout()
    {
        using var hold = _fake.Hold();

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(TimeSpan.FromMilliseconds(200)));

        Assert.Equal((ProviderFault.Passing, true), (fault.Fault, fault.IsTimeout));
    }

    [Fact]
    public async Task An_answer_that_drips_in_endlessly_is_a_timeout_too()
    {
        _fake.Script(Requests.All, Fault.SlowDrip(20));
        var watch = Stopwatch.StartNew();

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(TimeSpan.FromMilliseconds(300)));

        Assert.Equal((ProviderFault.Passing, true), (fault.Fault, fault.IsTimeout));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_caller_that_leaves_meets_no_fault_of_the_provider()
    {
        using var hold = _fake.Hold();
        using var leaving = new CancellationTokenSource();
        using var generator = Generator(TimeSpan.FromSeconds(30));
        var left = generator.GenerateAsync(["a"], cancellationToken: leaving.Token);
        await _fake.WaitForRequestsAsync(1);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
    }

    [Fact]
    public async Task A_provider_that_is_down_is_a_passing_fault()
    {
        await _fake.GoDownAsync();

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal((ProviderFault.Passing, false, true), (fault.Fault, fault.IsTimeout, fault.IsUnreachable));
    }

    [Fact]
    public async Task A_redirect_takes_the_key_nowhere()
    {
        await using var elsewhere = await FakeOpenAi.StartAsync();
        _fake.Script(Requests.All, Fault.Redirect($"{elsewhere.BaseUrl}/embeddings"));

        await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal((0, 0), (elsewhere.ConnectionCount, elsewhere.RequestCount));
    }

    private static float[] Vector(string text) => FakeVector.Of(text, Model, 8);

    private static EmbeddingSettings Settings(FakeOpenAi fake) => new()
    {
        Provider = ProviderChoice.OpenAi,
        ProviderReason = "test",
        ApiKey = fake.ApiKey,
        BaseUrl = new Uri(fake.BaseUrl + "/"),
    };

    private IEmbeddingGenerator<string, Embedding<float>> Generator(TimeSpan longestCall) =>
        ProviderFactory.Create(Settings(_fake), longestCall: longestCall);

    private Task<GeneratedEmbeddings<Embedding<float>>> Generate(params string[] texts) => Generate(TimeSpan.FromSeconds(30), texts);

    private async Task<GeneratedEmbeddings<Embedding<float>>> Generate(TimeSpan longestCall, params string[] texts)
    {
        using var generator = Generator(longestCall);
        return await generator.GenerateAsync(texts.Length == 0 ? ["a"] : texts, new() { Dimensions = 8 });
    }
}
