using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Http;
using EmbeddingFunctions.Imports;
using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Storage.Migrations;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions;

/// <summary>Registers all of the product: every host calls this and nothing else.</summary>
public static class EmbeddingServices
{
    /// <param name="services">Where to.</param>
    /// <param name="settings">Read by <see cref="SettingsReader"/>.</param>
    /// <param name="database">The database to work on.</param>
    public static IServiceCollection AddEmbeddings(this IServiceCollection services, EmbeddingSettings settings, NpgsqlDataSource database) =>
        services
            .AddSingleton(settings)
            .AddSingleton(database)
            .AddSingleton(CorpusFile.Load(settings.CorporaFile))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<Redaction>()
            .AddLogging()
            .AddStorage()
            .AddProvider()
            .AddCache()
            .AddRuns()
            .AddReports()
            .AddHttp();

    private static IServiceCollection AddStorage(this IServiceCollection services) =>
        services
            .AddSingleton<Catalogue>()
            .AddSingleton<BoundCorpora>()
            .AddSingleton(s => new TableSurvey(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>()))
            .AddSingleton(s => new CorpusRemoval(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<CorpusSet>()))
            .AddSingleton(s => new Migrator(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<EmbeddingSettings>()));

    private static IServiceCollection AddProvider(this IServiceCollection services) =>
        services
            .AddSingleton<ProviderGate>()
            .AddSingleton(s => new RequestPacker(s.GetRequiredService<EmbeddingSettings>().TokensPerMinute, s.GetRequiredService<EmbeddingSettings>().InputsPerRequest))
            .AddSingleton(s => Provider(s.GetRequiredService<EmbeddingSettings>(), s.GetRequiredService<ProviderGate>(), s.GetRequiredService<TimeProvider>()));

    // Read from the inside out: ask, check the reply, keep the limits, try again.
    private static IEmbeddingGenerator<string, Embedding<float>> Provider(EmbeddingSettings settings, ProviderGate gate, TimeProvider time)
    {
        if (!settings.IsEnabled)
        {
            return new DisabledEmbeddingGenerator();
        }

        var asked = new CheckedEmbeddingGenerator(ProviderFactory.Create(settings));
        if (settings.Provider == ProviderChoice.Local)
        {
            return asked;
        }

        var limited = new ThrottledEmbeddingGenerator(
            asked, gate, new RateBudget(settings.RequestsPerMinute, time), new RateBudget(settings.TokensPerMinute, time), settings.Concurrency, time);
        return new RetryingEmbeddingGenerator(limited, gate, time);
    }

    private static IServiceCollection AddCache(this IServiceCollection services) =>
        services
            .AddSingleton<CacheKey>()
            .AddSingleton(s => Cache(s.GetRequiredService<EmbeddingSettings>(), s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<CacheKey>(), s.GetRequiredService<TimeProvider>()));

    private static IVectorCache Cache(EmbeddingSettings settings, NpgsqlDataSource database, CacheKey key, TimeProvider time)
    {
        if (settings.Provider == ProviderChoice.Local)
        {
            return new NoVectorCache();
        }

        var table = new PostgresVectorCache(database, key, time);
        return settings.RedisUrl is { } url ? new RedisVectorCache(new RedisConnection(url, time), key, table, time) : table;
    }

    private static IServiceCollection AddRuns(this IServiceCollection services) =>
        services
            .AddSingleton<ClaimStore>()
            .AddSingleton<VectorStore>()
            .AddSingleton<FailureStore>()
            .AddSingleton(s => new FailedItems(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>()))
            .AddSingleton<BatchWriter>()
            .AddSingleton<TextEmbedder>()
            .AddSingleton<BatchEmbedder>()
            .AddSingleton<PagePlanner>()
            .AddSingleton<RunScope>()
            .AddSingleton<RunRequests>()
            .AddSingleton<OldRuns>()
            .AddSingleton<RunPulse>()
            .AddSingleton<RunStore>()
            .AddSingleton(s => new RunDesk(
                s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<RunRequests>(), s.GetRequiredService<OldRuns>(),
                s.GetRequiredService<RunStore>(), s.GetRequiredService<EmbeddingSettings>(), s.GetRequiredService<TimeProvider>()))
            .AddSingleton<BackgroundEngine>()
            .AddSingleton(s => new RunActivities(
                s.GetRequiredService<RunStore>(), s.GetRequiredService<RunPulse>(), s.GetRequiredService<PagePlanner>(), s.GetRequiredService<BatchEmbedder>(),
                s.GetRequiredService<Redaction>()))
            .AddSingleton(s => new DryRun(
                s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<RunScope>(), s.GetRequiredService<IVectorCache>(),
                s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton(s => new InProcessEngine(s.GetRequiredService<RunActivities>(), s.GetRequiredService<RunPulse>(), s.GetRequiredService<TimeProvider>()));

    private static IServiceCollection AddReports(this IServiceCollection services) =>
        services
            .AddSingleton<WorkspaceImport>()
            .AddSingleton<DocumentsImport>()
            .AddSingleton(s => new StatusReport(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<RunHistory>()))
            .AddSingleton(s => new DeclaredCorpora(
                s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton(s => new RunHistory(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<RunStore>(), s.GetRequiredService<CorpusSet>(), s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton(s => new Health(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<ProviderGate>()))
            .AddSingleton(s => new SimilarItems(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>()))
            .AddSingleton(s => new Doctor(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<Catalogue>(),
                s.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>(), s.GetRequiredService<EmbeddingSettings>(), s.GetRequiredService<Redaction>()));

    private static IServiceCollection AddHttp(this IServiceCollection services) =>
        services.AddSingleton(s => new EmbeddingsApi(
            s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<RunScope>(), s.GetRequiredService<RunDesk>(),
            s.GetRequiredService<RunHistory>(), s.GetRequiredService<StatusReport>(), s.GetRequiredService<Health>(), s.GetRequiredService<Redaction>(),
            s.GetRequiredService<ILogger<EmbeddingsApi>>()));
}
