using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Cli;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The product on a database, with one corpus of the test's own and vectors made in this process.</summary>
internal sealed class DeclaredCorpus : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    /// <param name="database">Where its tables are.</param>
    /// <param name="declaration">
    /// The text of a corpora file, or one corpus as such a file has it; without a <c>store</c> that is of the store <c>column</c>.
    /// </param>
    /// <param name="model">Null: the lexical provider's; else a model that is never called.</param>
    public DeclaredCorpus(NpgsqlDataSource database, object declaration, string? model = null)
    {
        System.IO.File.WriteAllText(File, declaration as string ?? WithStore(declaration));
        var settings = new EmbeddingSettings
        {
            Provider = model is null ? ProviderChoice.Lexical : ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = "sk-never-sent",
            Model = model ?? "",
            CorporaFile = File,
        };
        _services = new ServiceCollection().AddEmbeddings(settings, database).AddCommands().BuildServiceProvider();
    }

    /// <summary>The corpora file.</summary>
    public string File { get; } = Path.GetTempFileName();

    public Corpus Corpus => Get<CorpusSet>().All[0];

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public Task Migrate(bool withSampleTables = false, Action<string>? progress = null, bool takeOver = false, bool yes = false) =>
        Get<Migrator>().Migrate(Corpus, Options(withSampleTables, takeOver, yes), progress, CancellationToken.None);

    private MigrationOptions Options(bool withSampleTables, bool takeOver, bool yes) =>
        new(withSampleTables ? Migrations.SampleTables(Corpus.Name) : null, takeOver, DropUndeclared: yes, AllowOlderDeclaration: yes);

    /// <param name="force">Whether all is embedded again.</param>
    /// <param name="name">Of a generation; null: the corpus.</param>
    public async Task<RunOutcome> Run(bool force = false, string? name = null)
    {
        var outcome = await Get<InProcessEngine>()
            .Run(new RunRequest(name ?? Corpus.Name, [], Force: force, Concurrency: 2), null, CancellationToken.None);
        Assert.True(outcome.Status == RunStatus.Completed, outcome.Error);
        return outcome;
    }

    public async Task<RunOutcome> MigrateAndRun()
    {
        await Migrate();
        return await Run();
    }

    private static string WithStore(object declaration)
    {
        var corpus = JsonSerializer.SerializeToNode(declaration)!;
        corpus["store"] ??= "column";
        return new JsonObject { ["corpora"] = new JsonArray(corpus) }.ToJsonString();
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        System.IO.File.Delete(File);
    }
}
