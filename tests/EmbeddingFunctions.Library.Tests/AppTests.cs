using System.ClientModel;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenAI;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>What an app sees that uses the library on its own services.</summary>
public sealed class AppTests : IAsyncLifetime
{
    private const int Articles = 30;

    private readonly OwnGenerator _generator = new();
    private Blog _blog = null!;

    public async Task InitializeAsync() => _blog = await Blog.Create(Articles);

    public async Task DisposeAsync() => await _blog.DisposeAsync();

    [Fact]
    public async Task A_worker_embeds_what_is_pending_at_its_start_and_then_each_edit()
    {
        var builder = App.Builder(_blog.Source, _generator);
        builder.Services.AddEmbeddings(_ => { }).AddWorker();
        await using var app = builder.Build();
        await app.Embeddings().MigrateAsync("articles");

        await app.StartAsync();
        await _blog.WaitUntilEmbedded(Articles, _generator.VectorOf);
        await _blog.Edit(7, "A new headline");
        await _blog.WaitUntilEmbedded(Articles, _generator.VectorOf);
        await app.StopAsync();

        Assert.False(_generator.IsDisposed, "The generator is the app's.");
    }

    [Fact]
    public async Task A_run_says_what_it_did_and_the_status_counts_it()
    {
        await using var app = App.Builder(_blog.Source, _generator).Build();
        var (lines, progress) = (new List<string>(), new List<RunProgress>());
        await app.Embeddings().MigrateAsync("articles", lines.Add);

        var first = await app.Embeddings().RunAsync("articles", new RunOptions { Limit = 10 }, progress.Add);
        var rest = await app.Embeddings().RunAsync("articles");
        var status = await app.Embeddings().GetStatusAsync("articles");

        Assert.NotEmpty(lines);
        Assert.NotEmpty(progress);
        Assert.Equal((RunStatus.Completed, 10), (first.Status, first.Counts.Embedded));
        Assert.Equal((RunStatus.Completed, Articles - 10), (rest.Status, rest.Counts.Embedded));
        Assert.Equal("letters-1", status.Model);
        Assert.Equal((Articles, 100), (status.Kinds.Single().Embedded, status.Kinds.Single().Coverage));
        Assert.Equal(Articles, (await _blog.Embedded(_generator.VectorOf)).Count);
    }

    [Fact]
    public async Task OpenAI_s_client_embeds_with_its_model_and_dimensions()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        using var generator = OpenAi(fake);
        await using var app = App.Builder(_blog.Source, generator, dimensions: 512).Build();
        await app.Embeddings().MigrateAsync("articles");

        var outcome = await app.Embeddings().RunAsync("articles");

        Assert.Equal((RunStatus.Completed, Articles), (outcome.Status, outcome.Counts.Embedded));
        Assert.Equal(Articles, (await _blog.Embedded(text => FakeVector.Of(text, "text-embedding-3-small", 512))).Count);
    }

    [Fact]
    public async Task A_model_s_name_may_come_from_the_options_and_a_generator_sees_no_properties_of_ours()
    {
        var nameless = new OwnGenerator(model: null);
        var builder = App.Builder(_blog.Source, nameless);
        builder.Services.Configure<EmbeddingsOptions>(options => options.Model = "mine-7");
        await using var app = builder.Build();
        await app.Embeddings().MigrateAsync("articles");

        await app.Embeddings().RunAsync("articles");

        Assert.Equal(("mine-7", 32), (nameless.LastOptions!.ModelId, nameless.LastOptions.Dimensions));
        Assert.Null(nameless.LastOptions.AdditionalProperties);
        Assert.Equal("mine-7", (await app.Embeddings().GetStatusAsync("articles")).Model);
    }

    [Fact]
    public async Task Disabled_it_runs_nothing_and_says_so()
    {
        var builder = App.Builder(_blog.Source, _generator);
        builder.Services.Configure<EmbeddingsOptions>(options => options.IsEnabled = false);
        await using var app = builder.Build();

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => app.Embeddings().RunAsync("articles"));

        Assert.Equal("EmbeddingsOptions.IsEnabled is false.", error.Message);
    }

    [Fact]
    public async Task Nothing_of_the_app_s_is_replaced()
    {
        var (clock, builder) = (new Clock(), App.Bare());
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddSingleton(_blog.Source);
        builder.Services.AddEmbeddingGenerator<string, Embedding<float>>(_generator);
        var before = builder.Services.Select(service => service.ServiceType).ToList();

        builder.Services.AddEmbeddings(o => o.AddCorpus("articles", c => c.Dimensions(32).Table("blog.articles", t => t.Text("{body}"))))
            .AddWorker();

        var added = builder.Services.Skip(before.Count).Select(service => service.ServiceType).Where(type => !IsOurs(type)).ToList();
        Assert.All(added, type => Assert.StartsWith("Microsoft.Extensions", type.Namespace, StringComparison.Ordinal));
        Assert.DoesNotContain(typeof(IEmbeddingGenerator<string, Embedding<float>>), added);
        await using var app = builder.Build();
        _ = app.Embeddings();
        Assert.Same(_generator, app.Services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>());
        Assert.Same(_blog.Source, app.Services.GetRequiredService<NpgsqlDataSource>());
        Assert.Same(clock, app.Services.GetRequiredService<TimeProvider>());
    }

    private static bool IsOurs(Type type) =>
        type.Assembly.GetName().Name!.StartsWith("EmbeddingFunctions", StringComparison.Ordinal)
        || type.GetGenericArguments().Any(IsOurs);

    private static IEmbeddingGenerator<string, Embedding<float>> OpenAi(FakeOpenAi fake) =>
        new OpenAIClient(new ApiKeyCredential(fake.ApiKey), new OpenAIClientOptions { Endpoint = new Uri(fake.BaseUrl) })
            .GetEmbeddingClient("text-embedding-3-small").AsIEmbeddingGenerator(512);

    private sealed class Clock : TimeProvider;
}
