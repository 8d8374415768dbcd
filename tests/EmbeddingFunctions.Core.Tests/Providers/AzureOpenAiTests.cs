using Azure.Core;
using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Providers;

/// <summary>Azure's client against a deployment's address, over real HTTP and with the OpenAI package that everything else uses.</summary>
public sealed class AzureOpenAiTests : IAsyncLifetime
{
    private const string Model = "text-embedding-3-small";

    private FakeOpenAi _fake = null!;

    public async Task InitializeAsync() => _fake = await FakeOpenAi.StartAsync(new() { EchoWholeKey = true });

    public async Task DisposeAsync() => await _fake.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_deployment_answers_to_a_key_and_to_an_entra_token(bool byKey)
    {
        var reply = await Generate(byKey ? _fake.ApiKey : null, new FixedToken(_fake.ApiKey), "a", "b");

        Assert.Equal([FakeVector.Of("a", Model, 8), FakeVector.Of("b", Model, 8)], reply.Select(embedding => embedding.Vector.ToArray()));
        Assert.True(reply.Usage?.InputTokenCount > 0);
        var request = Assert.Single(_fake.Requests);
        Assert.Equal((Model, 8, 2), (request.Model, request.Dimensions, request.InputCount));
    }

    [Fact]
    public async Task A_token_is_asked_for_by_the_scope_of_cognitive_services()
    {
        var entra = new FixedToken(_fake.ApiKey);

        await Generate(null, entra, "a");

        Assert.Equal(["https://cognitiveservices.azure.com/.default"], entra.Scopes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_busy_deployment_is_asked_once_and_its_wait_is_read(bool byKey)
    {
        _fake.Script(Requests.All, Fault.RateLimited(TimeSpan.FromSeconds(7)));

        var fault = await Assert.ThrowsAsync<ProviderException>(
            () => Generate(byKey ? _fake.ApiKey : null, new FixedToken(_fake.ApiKey), "a"));

        Assert.Equal((ProviderFault.Transient, TimeSpan.FromSeconds(7), 1), (fault.Fault, fault.RetryAfter, _fake.RequestCount));
    }

    [Fact]
    public async Task Faults_are_told_apart()
    {
        foreach (var (scripted, expected) in new[]
        {
            (Fault.ServerError(), ProviderFault.Transient),
            (Fault.InsufficientQuota(), ProviderFault.Configuration),
            (Fault.BadInput(), ProviderFault.Item),
            (Fault.TooManyTokens(120_000), ProviderFault.TooManyTokens),
            (Fault.ResetMidBody(), ProviderFault.Transient),
        })
        {
            using (_fake.Script(Requests.All, scripted))
            {
                Assert.Equal(expected, (await Assert.ThrowsAsync<ProviderException>(() => Generate(_fake.ApiKey, null, "a"))).Fault);
            }
        }
    }

    [Fact]
    public async Task A_refused_key_is_not_repeated()
    {
        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate("sk-wrong-0123456789abcdef", null, "a"));

        Assert.Equal(ProviderFault.Configuration, fault.Fault);
        Assert.DoesNotContain("0123456789abcdef", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_token_no_request_goes_out()
    {
        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(null, new FixedToken(null), "a"));

        Assert.Equal((ProviderFault.Configuration, true, 0), (fault.Fault, fault.IsLocal, _fake.RequestCount));
        Assert.StartsWith("no token for the provider: ", fault.Message, StringComparison.Ordinal);
    }

    private async Task<GeneratedEmbeddings<Embedding<float>>> Generate(string? key, TokenCredential? entra, params string[] texts)
    {
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = key,
            BaseUrl = new Uri(_fake.AzureUrl),
            IsAzure = true,
        };
        using var generator = ProviderFactory.Create(settings, TimeSpan.FromSeconds(30), entra);
        return await generator.GenerateAsync(texts, new() { Dimensions = 8 });
    }
}
