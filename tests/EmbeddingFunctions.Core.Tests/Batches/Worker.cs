using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>The product as one process has it, with what it knows of the provider and a clock on which back-offs are short.</summary>
internal sealed class Worker : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public Worker(NpgsqlDataSource database, FakeOpenAi fake, Func<EmbeddingSettings, EmbeddingSettings>? adjust = null, int speed = 30)
    {
        Time = new FastTime(speed);
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = fake.ApiKey,
            BaseUrl = new Uri(fake.BaseUrl + "/"),
            RequestsPerMinute = 1_000_000,
            TokensPerMinute = 2_000_000_000,
        };
        _services = new ServiceCollection()
            .AddEmbeddings(adjust?.Invoke(settings) ?? settings, database)
            .AddSingleton<TimeProvider>(Time)
            // The database's clock is not fast.
            .AddSingleton<ILimiterStore>(new MemoryLimiterStore(Time))
            .BuildServiceProvider();
    }

    public FastTime Time { get; }

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public Task<EmbeddedBatch> Embed(EmbedBatch order, CancellationToken cancellation = default) =>
        Get<BatchEmbedder>().Embed(order, cancellation);

    public Task<RunOutcome> Run(int concurrency = 8, int? batchSize = null, int? limit = null) =>
        Get<InProcessEngine>()
            .Run(
                new RunRequest("workspace", [], Limit: limit, Concurrency: concurrency, BatchSize: batchSize), null,
                CancellationToken.None);

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
