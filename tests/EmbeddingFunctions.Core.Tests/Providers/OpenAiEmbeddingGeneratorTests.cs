using System.Diagnostics;
using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Providers;

public sealed class OpenAiEmbeddingGeneratorTests : OpenAiTest
{
    private const string Model = "text-embedding-3-small";

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
        Fake.Script(Requests.All, Fault.Shuffle());

        string[] texts = ["a", "b", "c"];

        var reply = await Generate(texts);

        Assert.Equal(texts.Select(Vector), reply.Select(embedding => embedding.Vector.ToArray()));
    }

    [Fact]
    public async Task Floats_are_taken_though_base64_was_asked_for()
    {
        Fake.Script(Requests.All, Fault.FloatsThoughBase64Asked());

        var reply = await Generate("a");

        Assert.Equal(Vector("a"), reply[0].Vector.ToArray());
    }

    [Fact]
    public async Task What_a_reply_that_cannot_be_used_cost_is_known()
    {
        Fake.Script(Requests.All, Fault.DuplicateIndex());

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("12345678", "1"));

        Assert.Equal(4, fault.PaidTokens);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_a_timeout()
    {
        using var hold = Fake.Hold();

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(TimeSpan.FromMilliseconds(200)));

        Assert.Equal((ProviderFault.Transient, true), (fault.Fault, fault.IsTimeout));
    }

    [Fact]
    public async Task An_answer_that_drips_in_endlessly_is_a_timeout_too()
    {
        Fake.Script(Requests.All, Fault.SlowDrip(20));
        var watch = Stopwatch.StartNew();

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(TimeSpan.FromMilliseconds(300)));

        Assert.Equal((ProviderFault.Transient, true), (fault.Fault, fault.IsTimeout));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_caller_that_leaves_meets_no_fault_of_the_provider()
    {
        using var hold = Fake.Hold();
        using var leaving = new CancellationTokenSource();
        using var generator = Generator(TimeSpan.FromSeconds(30));
        var left = generator.GenerateAsync(["a"], cancellationToken: leaving.Token);
        await Fake.WaitForRequestsAsync(1);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
    }

    [Fact]
    public async Task A_provider_that_is_down_is_a_passing_fault()
    {
        await Fake.GoDownAsync();

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal((ProviderFault.Transient, false, true), (fault.Fault, fault.IsTimeout, fault.IsUnreachable));
    }

    [Fact]
    public async Task A_redirect_takes_the_key_nowhere()
    {
        await using var elsewhere = await FakeOpenAi.StartAsync();
        Fake.Script(Requests.All, Fault.Redirect($"{elsewhere.BaseUrl}/embeddings"));

        await Assert.ThrowsAsync<ProviderException>(() => Generate("a"));

        Assert.Equal((0, 0), (elsewhere.ConnectionCount, elsewhere.RequestCount));
    }

    private static float[] Vector(string text) => FakeVector.Of(text, Model, 8);
}
