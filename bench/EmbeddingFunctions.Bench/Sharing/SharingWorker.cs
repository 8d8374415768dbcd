using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.Sharing;

/// <summary>One of several processes that embed one database's items together.</summary>
internal static class SharingWorker
{
    public const string Command = "sharing-worker";

    public static async Task<SharingResult> Run(SharingOrder order)
    {
        await using var database = await Database.Open(order.Database, CancellationToken.None);
        var settings = BenchDatabase.Settings(BenchCorpus.Plain, order.BaseUrl, order.Concurrency) with
        {
            RequestsPerMinute = order.RequestsPerMinute,
            RedisUrl = order.RedisUrl
        };
        await using var services = new ServiceCollection().AddEmbeddings(settings, database).BuildServiceProvider();
        var request = new RunRequest(
            BenchCorpus.Plain.Name, [], Concurrency: services.GetRequiredService<EmbeddingSettings>().BatchesInFlight);
        var outcome = await services.GetRequiredService<InProcessEngine>().Run(request, null, CancellationToken.None);
        return new SharingResult(outcome.Counts.Embedded, outcome.Counts.Cached, outcome.Seconds);
    }
}

/// <param name="RedisUrl">Null: what is shared is in Postgres.</param>
internal sealed record SharingOrder(string Database, string BaseUrl, int Concurrency, int RequestsPerMinute, string? RedisUrl);

internal sealed record SharingResult(int Embedded, int Cached, double Seconds);
