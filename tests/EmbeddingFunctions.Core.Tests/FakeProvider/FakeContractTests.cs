using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeContractTests : FakeTest
{
    private static readonly string[] _twoTexts = ["a", "b"];

    [Theory]
    [InlineData("float")]
    [InlineData("base64")]
    [InlineData(null)]
    public async Task Each_text_gets_its_vector_in_either_encoding(string? encoding)
    {
        var reply = await Client.SendAsync(
            new { model = FakeClient.Model, input = _twoTexts, dimensions = 384, encoding_format = encoding });
        Assert.Equal(200, reply.Status);
        Assert.Equal([0, 1], reply.Indexes);
        Assert.Equal([FakeVector.Of("a", FakeClient.Model, 384), FakeVector.Of("b", FakeClient.Model, 384)], reply.Vectors);
        Assert.Equal(encoding == "base64", reply.Body.Contains("\"embedding\":\"", StringComparison.Ordinal));
        Assert.Equal("list", reply.Json.GetProperty("object").GetString());
        Assert.Equal(FakeClient.Model, reply.Json.GetProperty("model").GetString());
        Assert.StartsWith("req_", reply.Header("x-request-id"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_single_string_is_one_input_of_native_dimensions()
    {
        var reply = await Client.SendAsync(new { model = "text-embedding-3-large", input = "alone" });
        Assert.Equal([FakeVector.Of("alone", "text-embedding-3-large", 3072)], reply.Vectors);
    }

    [Fact]
    public async Task Usage_is_counted_as_OpenAIs_models_count_it()
    {
        var reply = await Client.EmbedAsync("a", "hello world", "<|endoftext|>");
        Assert.Equal(10, reply.Json.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(10, reply.Json.GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Theory]
    [InlineData(0, 400)]
    [InlineData(1, 200)]
    [InlineData(2048, 200)]
    [InlineData(2049, 400)]
    public async Task A_request_has_1_to_2048_inputs(int count, int status)
    {
        var reply = await Client.EmbedAsync([.. Enumerable.Range(0, count).Select(i => $"{i}")]);
        Assert.Equal(status, reply.Status);
        if (status == 400)
            AssertInvalidInput(reply);
    }

    [Theory]
    [InlineData("""{"model":"text-embedding-3-small","input":["a",""]}""")]
    [InlineData("""{"model":"text-embedding-3-small","input":""}""")]
    [InlineData("""{"model":"text-embedding-3-small","input":["a",null]}""")]
    [InlineData("""{"model":"text-embedding-3-small"}""")]
    public async Task An_empty_or_missing_input_is_invalid(string body) => AssertInvalidInput(await Client.SendTextAsync(body));

    [Theory]
    [InlineData(8192, 200)]
    [InlineData(8193, 400)]
    public async Task An_input_has_8192_tokens_at_most(int tokens, int status)
    {
        var reply = await Client.EmbedAsync("short", string.Join(' ', Enumerable.Repeat("word", tokens)));
        Assert.Equal(status, reply.Status);
        if (status == 200)
            return;
        Assert.Equal(
            "This model's maximum context length is 8192 tokens, however you requested 8193 tokens (8193 in your prompt; 0 for the "
                + "completion). Please reduce your prompt; or completion length.",
            reply.Message);
        Assert.Equal("invalid_request_error", reply.Type);
        Assert.Null(reply.Code);
    }

    [Theory]
    [InlineData(300_000, 200)]
    [InlineData(300_001, 400)]
    public async Task A_request_has_300000_estimated_tokens_at_most(int tokens, int status)
    {
        var texts = Enumerable.Repeat(string.Concat(Enumerable.Repeat("word ", 30_000 * 4 / 25)), 50)
            .Append(new string('y', Math.Max(1, (tokens - 300_000) * 4)));
        var reply = await Client.EmbedAsync([.. tokens == 300_000 ? texts.SkipLast(1) : texts]);
        Assert.Equal(status, reply.Status);
        if (status == 200)
            return;
        Assert.Equal("Requested 300001 tokens, max 300000 tokens per request", reply.Message);
        Assert.Equal(("max_tokens_per_request", "max_tokens_per_request"), (reply.Type, reply.Code));
    }

    [Fact]
    public async Task A_wrong_key_is_refused_and_half_repeated()
    {
        Client.Key = "sk-wrong-0123456789";
        var reply = await Client.EmbedAsync("a");
        Assert.Equal((401, "invalid_api_key"), (reply.Status, reply.Code));
        Assert.StartsWith("Incorrect API key provided: sk-wr**********6789.", reply.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_key_is_refused()
    {
        Client.Key = null;
        var reply = await Client.EmbedAsync("a");
        Assert.Equal(401, reply.Status);
        Assert.StartsWith("You didn't provide an API key.", reply.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rotated_key_is_demanded_at_once()
    {
        Fake.ApiKey = "sk-rotated";
        Assert.Equal(401, (await Client.EmbedAsync("a")).Status);
        Client.Key = "sk-rotated";
        Assert.Equal(200, (await Client.EmbedAsync("a")).Status);
    }

    [Fact]
    public async Task An_unknown_model_is_not_found()
    {
        var reply = await Client.SendAsync(new { model = "text-embedding-9", input = "a" });
        Assert.Equal((404, "model_not_found"), (reply.Status, reply.Code));
    }

    [Theory]
    [InlineData("text-embedding-3-small", 0)]
    [InlineData("text-embedding-3-small", 1537)]
    [InlineData("text-embedding-ada-002", 1536)]
    public async Task Dimensions_the_model_cannot_give_are_refused(string model, int dimensions) =>
        Assert.Equal(400, (await Client.SendAsync(new { model, input = "a", dimensions })).Status);

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"model":"text-embedding-3-small","input":"x\ud800y"}""")]
    public async Task What_is_not_json_text_is_refused(string body) => Assert.Equal(400, (await Client.SendTextAsync(body)).Status);

    private static void AssertInvalidInput(FakeReply reply)
    {
        Assert.Equal(400, reply.Status);
        Assert.StartsWith("'$.input' is invalid. Please check the API reference: ", reply.Message, StringComparison.Ordinal);
        Assert.Null(reply.Code);
    }
}
