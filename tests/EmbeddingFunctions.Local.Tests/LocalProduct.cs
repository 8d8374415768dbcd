using System.Text.Json;
using EmbeddingFunctions.Cli;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Local.Tests;

/// <summary>The product on a test's database, with the local model and the shipped corpora or one of the test's own.</summary>
internal sealed class LocalProduct : IAsyncDisposable
{
    private readonly string? _file;
    private readonly ServiceProvider _services;

    /// <param name="declaration">One corpus, as the corpora file has it; null: the shipped ones. Without a <c>store</c> it is of
    /// the store <c>column</c>.</param>
    /// <param name="model">Only borrowed: disposing of the product leaves it.</param>
    public LocalProduct(
        TestDatabase database, MiniLmModel model, object? declaration = null, ProviderChoice provider = ProviderChoice.Local)
    {
        if (declaration is not null)
        {
            _file = Path.GetTempFileName();
            var declared = JsonSerializer.SerializeToNode(declaration)!;
            declared["store"] ??= "column";
            File.WriteAllText(_file, JsonSerializer.Serialize(new { corpora = new[] { declared } }));
        }

        var settings = new EmbeddingSettings { Provider = provider, ProviderReason = "test", CorporaFile = _file };
        _services = new ServiceCollection().AddCommands().AddEmbeddings(settings, database.Source, () => new Borrowed(model))
            .BuildServiceProvider();
    }

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public Corpus Corpus => Get<CorpusSet>().All[0];

    public Task Migrate(bool withSampleTables = false) => Get<Migrator>().Migrate(Corpus, withSampleTables, null, CancellationToken.None);

    public Task<RunOutcome> Run(bool yesMix = false) =>
        Get<InProcessEngine>()
            .Run(new RunRequest(Corpus.Name, [], Concurrency: 2) { AllowMixedModels = yesMix }, null, CancellationToken.None);

    public async Task MigrateAndRun()
    {
        await Migrate();
        var outcome = await Run();
        Assert.True(outcome.Status == RunStatus.Completed, outcome.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        if (_file is not null)
        {
            File.Delete(_file);
        }
    }

    private sealed class Borrowed(MiniLmModel model) : ILocalModel
    {
        public string Cut(string text) => model.Cut(text);

        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values, EmbeddingGenerationOptions? options, CancellationToken cancellation) =>
            model.GenerateAsync(values, options, cancellation);

        public object? GetService(Type serviceType, object? serviceKey) => model.GetService(serviceType, serviceKey);

        public void Dispose()
        {
        }
    }
}
