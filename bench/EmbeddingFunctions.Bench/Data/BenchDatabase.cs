using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Bench.Data;

/// <summary>A database of its own, filled and migrated for one measurement, with the product on it.</summary>
internal sealed class BenchDatabase : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly ServiceProvider _services;

    private readonly NpgsqlDataSource _host;

    private BenchDatabase(TestDatabase database, NpgsqlDataSource host, BenchCorpus corpus)
    {
        (_database, _host, Corpus) = (database, host, corpus);
        _services = new ServiceCollection().AddEmbeddings(Settings(corpus, "http://127.0.0.1:1/v1/", 1), host).BuildServiceProvider();
    }

    public BenchCorpus Corpus { get; }

    public string ConnectionString => _database.ConnectionString;

    /// <param name="hasVectorIndex">Whether the HNSW index is there, to be kept up with every write.</param>
    public static async Task<BenchDatabase> Create(BenchCorpus corpus, int items, int partitions, int characters, bool hasVectorIndex)
    {
        var empty = await TestDatabase.Empty();
        // As a host opens it.
        var database = new BenchDatabase(empty, await Database.Open(empty.ConnectionString, CancellationToken.None), corpus);
        await corpus.Fill(database._database, items, partitions, characters);
        await database.Get<Migrator>()
            .Migrate(database.Get<CorpusSet>().Get(corpus.Name), withSampleTables: false, null, CancellationToken.None);
        if (hasVectorIndex)
        {
            await database.Get<ISearchIndexes>().BuildNow(
                await database.Get<ResolvedCorpora>().Get(corpus.Name, CancellationToken.None), CancellationToken.None);
        }

        await database.Execute("VACUUM ANALYZE");
        await database.Execute("CHECKPOINT");
        return database;
    }

    /// <summary>The settings with which a corpus is measured: limits that never limit.</summary>
    public static EmbeddingSettings Settings(BenchCorpus corpus, string baseUrl, int concurrency) => new()
    {
        Provider = ProviderChoice.OpenAi,
        ProviderReason = "bench",
        ApiKey = FakeOpenAiOptions.DefaultApiKey,
        BaseUrl = new Uri(baseUrl),
        RequestsPerMinute = 10_000_000,
        TokensPerMinute = 2_000_000_000,
        Concurrency = concurrency,
        CorporaFile = corpus.File,
    };

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public Task Execute(string sql, params object?[] values) => _database.Execute(sql, values);

    public Task<T?> Ask<T>(string sql, params object?[] values) => _database.Ask<T>(sql, values);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }
}
