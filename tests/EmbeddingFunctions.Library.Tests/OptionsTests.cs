using EmbeddingFunctions.Corpora;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>What an app's options may be, and how an app learns what is wrong with them.</summary>
public sealed class OptionsTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.json");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task All_faults_are_reported_together_when_the_app_starts()
    {
        var builder = App.Bare();
        builder.Services.AddEmbeddings(o =>
        {
            (o.Concurrency, o.Schedule) = (0, "daily");
            o.AddCorpus("articles", c => c.Dimensions(5_000).Table("articles", t => t.Text("{title")));
        }).AddWorker();
        await using var app = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => app.StartAsync());

        Assert.Collection(
            error.Failures,
            fault => Assert.Equal("Concurrency is '0'; it takes a whole number from 1 to 256.", fault),
            fault => Assert.StartsWith("Schedule is 'daily'; it takes an NCrontab expression", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("$.corpora[0].dimensions: articles: dimensions is 5000", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("$.corpora[0].tables[0].text: articles: articles: the text", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("No IEmbeddingGenerator<string, Embedding<float>> is registered", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("No NpgsqlDataSource is registered", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void A_generator_without_a_model_s_name_and_a_multiplexing_data_source_are_refused()
    {
        using var source = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Multiplexing=true");
        var error = Assert.Throws<OptionsValidationException>(() => Corpora(
            o => o.AddCorpus("articles", Declare), source, new OwnGenerator(model: null)));

        Assert.Collection(
            error.Failures,
            fault => Assert.StartsWith("The generator's metadata names no model", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("The registered NpgsqlDataSource has Multiplexing", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_and_code_declare_the_same_and_are_held_against_the_same_rules()
    {
        File.WriteAllText(
            _file,
            """
            { "corpora": [{ "name": "articles", "dimensions": 32,
              "tables": [{ "kind": "articles", "table": "articles", "text": "{title}" }] }] }
            """);

        var fromFile = Corpora(o => o.AddCorporaFile(_file)).All.Single();
        var fromCode = Corpora(o => o.AddCorpus("articles", Declare)).All.Single();

        Assert.Equivalent(fromFile, fromCode, strict: true);
        var error = Assert.Throws<OptionsValidationException>(() => Corpora(o => o.AddCorporaFile(_file).AddCorpus("articles", Declare)));
        Assert.Contains(error.Failures, fault => fault.Contains("two corpora are called 'articles'", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_among_the_faults() => Assert.Contains(
        Assert.Throws<OptionsValidationException>(() => Corpora(o => o.AddCorporaFile(_file))).Failures,
        fault => fault.Contains(_file, StringComparison.Ordinal));

    [Fact]
    public void Without_a_corpus_it_says_how_to_declare_one() => Assert.Equal(
        ["No corpus is declared: call AddCorpus(name, corpus => ...) or AddCorporaFile(path)."],
        Assert.Throws<OptionsValidationException>(() => Corpora(_ => { })).Failures);

    private static void Declare(CorpusBuilder corpus) => corpus.Dimensions(32).Table("articles", table => table.Text("{title}"));

    private static CorpusSet Corpora(Action<EmbeddingsOptions> configure, NpgsqlDataSource? database = null, OwnGenerator? generator = null)
    {
        using var source = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1");
        using var services = new ServiceCollection()
            .AddSingleton(database ?? source)
            .AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(generator ?? new OwnGenerator())
            .AddEmbeddings(configure)
            .Services.BuildServiceProvider();
        return services.GetRequiredService<CorpusSet>();
    }
}
