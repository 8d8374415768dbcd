using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using OpenAI;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>Whose fault an exception of the app's own generator is, and what becomes of the run.</summary>
public sealed class GeneratorFaultTests : IAsyncLifetime
{
    private const int Articles = 4;

    private readonly OwnGenerator _generator = new();
    private Blog _blog = null!;

    public async Task InitializeAsync() => _blog = await Blog.Create(Articles);

    public async Task DisposeAsync() => await _blog.DisposeAsync();

    [Fact]
    public async Task A_rate_limit_and_a_lost_connection_are_retried()
    {
        _generator.Throws = (call, _) => call switch
        {
            1 => new HttpRequestException("Too many requests", null, HttpStatusCode.TooManyRequests),
            2 => new IOException("The response ended prematurely."),
            _ => null,
        };

        var outcome = await Run();

        Assert.Equal((RunStatus.Completed, Articles, 3), (outcome.Status, outcome.Counts.Embedded, _generator.Calls));
    }

    [Fact]
    public async Task A_refused_key_ends_the_run_and_the_message_does_not_show_it()
    {
        _generator.Throws = (_, _) => new InvalidOperationException("HTTP 401: Incorrect API key provided: sk-abcdefghijklmnop");

        var outcome = await Run();

        Assert.Equal((RunStatus.Failed, 0), (outcome.Status, outcome.Counts.Embedded));
        Assert.Contains("401", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("abcdefghijklmnop", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_app_s_own_rule_finds_the_text_that_is_at_fault()
    {
        _generator.Throws = (_, texts) =>
            texts.Any(text => text.StartsWith("Headline 2", StringComparison.Ordinal)) ? new UnfitText() : null;

        var outcome = await Run(services => services.AddSingleton<IProviderFaults, UnfitTexts>());

        Assert.Equal((Articles - 1, 1), (outcome.Counts.Embedded, outcome.Counts.Failed));
        Assert.Equal([1L, 3L, 4L], await _blog.Embedded(_generator.VectorOf));
    }

    [Fact]
    public async Task OpenAI_s_exhausted_quota_is_told_from_a_rate_limit()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        fake.Script(Requests.All, Fault.InsufficientQuota());
        using var generator = new OpenAIClient(
                new ApiKeyCredential(fake.ApiKey),
                new OpenAIClientOptions { Endpoint = new Uri(fake.BaseUrl), RetryPolicy = new ClientRetryPolicy(0) })
            .GetEmbeddingClient("text-embedding-3-small").AsIEmbeddingGenerator(32);
        var builder = App.Builder(_blog.Source, generator);
        builder.Services.AddEmbeddings(_ => { }).AddOpenAIFaults();
        await using var app = builder.Build();
        await app.Embeddings().MigrateAsync("articles");

        var outcome = await app.Embeddings().RunAsync("articles");

        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Contains("insufficient_quota", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(1, fake.RequestCount);
    }

    [Theory]
    [InlineData("HTTP 429 (Too Many Requests)", "Transient")]
    [InlineData("Service request failed. Status: 503 (Service Unavailable)", "Transient")]
    [InlineData("Response status code does not indicate success: 403", "Transient")]
    [InlineData("HTTP 400 (invalid_request_error)", "Item")]
    [InlineData("HTTP 413 (Payload Too Large)", "TooManyTokens")]
    [InlineData("HTTP 404 (model_not_found)", "Configuration")]
    [InlineData("Something else about 4000 texts", "Transient")]
    public void A_client_s_message_names_the_status(string message, string fault) =>
        Assert.Equal(fault, DefaultProviderFaults.Of(new InvalidOperationException(message)).Fault.ToString());

    [Fact]
    public void A_time_out_may_have_been_paid_for() => Assert.All(
        new Exception[] { new TaskCanceledException(), new TimeoutException() },
        exception => Assert.True(DefaultProviderFaults.Of(exception).IsTimeout));

    [Fact]
    public async Task A_call_that_does_not_end_is_ended_and_the_fault_does_not_show_the_key()
    {
        using var endless = new EndlessGenerator();
        var generator = new AppGenerator(
            endless, new DefaultProviderFaults(),
            new(new() { Provider = Settings.ProviderChoice.App, ProviderReason = "test" }), TimeSpan.FromMilliseconds(50));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["text"]));

        Assert.Equal((ProviderFault.Transient, true), (fault.Fault, fault.IsTimeout));
        Assert.DoesNotContain("abcdefghijklmnop", fault.ToString(), StringComparison.Ordinal);
    }

    private async Task<RunOutcome> Run(Action<IServiceCollection>? services = null)
    {
        var builder = App.Builder(_blog.Source, _generator);
        services?.Invoke(builder.Services);
        await using var app = builder.Build();
        await app.Embeddings().MigrateAsync("articles");
        return await app.Embeddings().RunAsync("articles");
    }

    private sealed class UnfitText : Exception;

    private sealed class UnfitTexts : IProviderFaults
    {
        public ProviderException? Classify(Exception exception) =>
            exception is UnfitText ? new ProviderException(ProviderFault.Item, "the text is unfit", exception) : null;
    }

    private sealed class EndlessGenerator : IEmbeddingGenerator<string, Embedding<float>>
    {
        public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
        {
            try
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
                return [];
            }
            catch (OperationCanceledException e)
            {
                throw new InvalidOperationException("no answer for the key sk-abcdefghijklmnop", e);
            }
        }

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
