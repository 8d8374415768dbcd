using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeAuditTests
{
    [Fact]
    public async Task A_request_is_remembered()
    {
        var time = new ManualTime();
        await using var fake = await FakeOpenAi.StartAsync(new() { TimeProvider = time });
        var client = new FakeClient(fake);
        await client.EmbedAsync("a", "bcdef");
        var request = Assert.Single(fake.Requests);
        Assert.Equal((1, 2, 3, 8, 200), (request.Number, request.InputCount, request.Tokens, request.Dimensions, request.Status));
        Assert.Equal((FakeClient.Model, "worker-7", 1), (request.Model, request.WorkerId, request.InFlight));
        Assert.Equal(time.GetUtcNow(), request.ArrivedAt);
        Assert.Equal(["a", "bcdef"], request.Texts);
        Assert.Equal([Hash("a"), Hash("bcdef")], request.TextHashes);
    }

    [Fact]
    public async Task Inputs_paid_for_again_are_counted()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        var client = new FakeClient(fake);
        await client.EmbedAsync("a", "b", "a");
        await client.EmbedAsync("b", "");
        await client.EmbedAsync("b");
        Assert.Equal((2, 2), (fake.PaidInputs["a"], fake.PaidInputs["b"]));
        Assert.Equal((4, 2, 3), (fake.PaidInputCount, fake.DuplicatePaidInputs, fake.RequestCount));
    }

    [Fact]
    public async Task Other_dimensions_are_no_duplicate()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        var client = new FakeClient(fake);
        await client.EmbedAsync("a");
        await client.SendAsync(new { model = FakeClient.Model, input = "a", dimensions = 9 });
        Assert.Equal(2, fake.PaidInputs["a"]);
        Assert.Equal(0, fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task Without_texts_the_audit_goes_by_hash()
    {
        await using var fake = await FakeOpenAi.StartAsync(new() { KeepTexts = false });
        var client = new FakeClient(fake);
        await client.EmbedAsync("a", "a");
        Assert.Empty(fake.Requests[0].Texts);
        Assert.Equal(2, fake.PaidInputs[Hash("a")]);
        Assert.Equal(1, fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task Requests_one_after_another_never_seem_to_overlap()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        var client = new FakeClient(fake);
        for (var i = 0; i < 200; i++)
            await client.EmbedAsync("a");
        Assert.Equal(1, fake.MaxInFlight);
    }

    [Fact]
    public async Task The_figures_can_be_fetched()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        var client = new FakeClient(fake);
        await client.EmbedAsync("a", "a");
        await client.EmbedAsync("");
        using var http = new HttpClient();
        using var report = JsonDocument.Parse(await http.GetStringAsync(new Uri(new Uri(fake.BaseUrl), "/audit")));
        Assert.Equal(
            """{"requests":2,"maxInFlight":1,"paidInputs":2,"duplicatePaidInputs":1,"statuses":{"200":1,"400":1}}""",
            report.RootElement.GetRawText());
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
