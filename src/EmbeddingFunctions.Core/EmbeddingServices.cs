using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Http;
using EmbeddingFunctions.Imports;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Resilience;
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
    /// <param name="localModel">Makes the local model, in the hosts that carry it; called if the settings choose it.</param>
    /// <exception cref="SettingsException">The settings choose the local model, and there is none.</exception>
    public static IServiceCollection AddEmbeddings(
        this IServiceCollection services, EmbeddingSettings settings, NpgsqlDataSource database, Func<ILocalModel>? localModel = null) =>
        services
            .AddLocalModel(settings, localModel)
            .AddSingleton(settings)
            .AddSingleton(database)
            .AddSingleton(CorpusFile.Load(settings.CorporaFile))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<Redaction>()
            .AddSingleton<Crash>()
            .AddLogging(log => _ = settings.LogLevel is { } level ? log.AddFilter(nameof(EmbeddingFunctions), level) : log)
            .AddStorage(settings)
            .AddProvider()
            .AddCache()
            .AddRuns()
            .AddReports()
            .AddHttp();

    private static IServiceCollection AddLocalModel(
        this IServiceCollection services, EmbeddingSettings settings, Func<ILocalModel>? model) =>
        settings.Provider != ProviderChoice.Local || (model is null && !settings.IsEnabled) ? services
        : model is null ? throw new SettingsException([settings.NoLocalModel])
        : services.AddSingleton(_ => model()).AddSingleton<ITextWindow>(s => s.GetRequiredService<ILocalModel>());

    private static IServiceCollection AddStorage(this IServiceCollection services, EmbeddingSettings settings) =>
        (settings.RedisUrl is { } url
            ? services.AddSingleton(s => new RedisConnection(
                url, s.GetRequiredService<TimeProvider>(), log: s.GetRequiredService<ILogger<RedisConnection>>()))
            : services)
            .AddSingleton<Catalogue>()
            .AddSingleton<DatabaseClock>()
            .AddSingleton<BoundCorpora>()
            .AddSingleton<OtherModels>()
            .AddSingleton<WorkNotices>()
            .AddSingleton(s => new TableSurvey(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton(
                s =>
                    new CorpusRemoval(
                        s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<CorpusSet>()))
            .AddSingleton(s => new Migrator(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<EmbeddingSettings>(),
                s.GetRequiredService<RowAudit>(),
                s.GetService<ITextWindow>()));

    private static IServiceCollection AddProvider(this IServiceCollection services) =>
        services
            .AddSingleton(
                s =>
                    new RateLimits(
                        s.GetRequiredService<EmbeddingSettings>().RequestsPerMinute,
                        s.GetRequiredService<EmbeddingSettings>().TokensPerMinute))
            .AddSingleton(s => ProviderAccount.Of(s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton<ILimiterStore, PostgresLimiterStore>()
            .AddSingleton<SharedRateLimiter>()
            .AddSingleton(
                s =>
                    new RequestPacker(
                        s.GetRequiredService<RateLimits>().EvenRequest, s.GetRequiredService<EmbeddingSettings>().InputsPerRequest))
            .AddSingleton<ProviderOutages>()
            .AddSingleton(s => Provider(
                s.GetRequiredService<EmbeddingSettings>(), s.GetService<ILocalModel>(), s.GetRequiredService<SharedRateLimiter>(),
                s.GetRequiredService<ProviderOutages>(),
                s.GetRequiredService<TimeProvider>()));

    // From the inside out: call, check the reply, keep the limits, retry.
    private static IEmbeddingGenerator<string, Embedding<float>> Provider(
        EmbeddingSettings settings, ILocalModel? localModel, SharedRateLimiter limiter, ProviderOutages outages, TimeProvider time)
    {
        if (!settings.IsEnabled)
        {
            return new DisabledEmbeddingGenerator();
        }

        var asked = new CheckedEmbeddingGenerator(ProviderFactory.Create(settings, localModel));
        if (!settings.IsRemote)
        {
            return asked;
        }

        var throttled = new ThrottledEmbeddingGenerator(
            asked, limiter, new AdaptiveConcurrencyLimiter(settings.Concurrency, time), settings.Model);
        return new RetryingEmbeddingGenerator(throttled, limiter, settings.Model, time, outages);
    }

    private static IServiceCollection AddCache(this IServiceCollection services) =>
        services
            .AddSingleton<CacheKey>()
            .AddSingleton<SingleFlight>()
            .AddSingleton(Cache);

    private static IVectorCache Cache(IServiceProvider services)
    {
        if (!services.GetRequiredService<EmbeddingSettings>().IsRemote)
        {
            return new NoVectorCache();
        }

        var (key, time) = (services.GetRequiredService<CacheKey>(), services.GetRequiredService<TimeProvider>());
        var table = new PostgresVectorCache(services.GetRequiredService<NpgsqlDataSource>(), key, time);
        return services.GetService<RedisConnection>() is { } redis ? new RedisVectorCache(redis, key, table, time) : table;
    }

    private static IServiceCollection AddRuns(this IServiceCollection services) =>
        services
            .AddSingleton<ClaimStore>()
            .AddSingleton<VectorStore>()
            .AddSingleton<FailureStore>()
            .AddSingleton(s => new FailedItems(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>()))
            .AddSingleton(
                s =>
                    new Erasure(
                        s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>(),
                        s.GetRequiredService<IVectorCache>()))
            .AddSingleton(s => new WaitingItems(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>()))
            .AddSingleton<RowAudit>()
            .AddSingleton<BatchWriter>()
            .AddSingleton<TextEmbedder>()
            .AddSingleton(s => new PaidOnce(
                s.GetRequiredService<TextEmbedder>(), s.GetRequiredService<IVectorCache>(),
                s.GetRequiredService<EmbeddingSettings>().IsRemote ? s.GetRequiredService<SingleFlight>() : null,
                s.GetRequiredService<TimeProvider>()))
            .AddSingleton<BatchEmbedder>()
            .AddSingleton<QueueIntake>()
            .AddSingleton(
                s =>
                    new QueueRows(
                        s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<CorpusSet>()))
            .AddSingleton<PagePlanner>()
            .AddSingleton<RunScope>()
            .AddSingleton<RunRequests>()
            .AddSingleton<StoredMoments>()
            .AddSingleton<OldRuns>()
            .AddSingleton<RunPulse>()
            .AddSingleton<UndoneItems>()
            .AddSingleton<RunStore>()
            .AddSingleton<WokenRuns>()
            .AddSingleton(s => new RunDesk(
                s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<RunRequests>(),
                s.GetRequiredService<OldRuns>(),
                s.GetRequiredService<RunStore>(), s.GetRequiredService<WokenRuns>(), s.GetRequiredService<EmbeddingSettings>(),
                s.GetRequiredService<DatabaseClock>()))
            .AddSingleton(s => new Wakes(
                s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<WorkNotices>(),
                s.GetRequiredService<RunDesk>(), s.GetRequiredService<EmbeddingSettings>(),
                s.GetRequiredService<Redaction>()))
            .AddSingleton<BackgroundEngine>()
            .AddSingleton(s => new RunActivities(
                s.GetRequiredService<RunStore>(), s.GetRequiredService<RunPulse>(), s.GetRequiredService<PagePlanner>(),
                s.GetRequiredService<BatchEmbedder>(),
                s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<Redaction>()))
            .AddSingleton(s => new DryRun(
                s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<RunScope>(),
                s.GetRequiredService<OtherModels>(),
                s.GetRequiredService<IVectorCache>(), s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton(
                s =>
                    new InProcessEngine(
                        s.GetRequiredService<RunActivities>(), s.GetRequiredService<RunPulse>(), s.GetRequiredService<TimeProvider>()));

    private static IServiceCollection AddReports(this IServiceCollection services) =>
        services
            .AddSingleton<WorkspaceImport>()
            .AddSingleton<DocumentsImport>()
            .AddSingleton(s => new RedisCheck(s.GetService<RedisConnection>()))
            .AddSingleton(s => new ProviderCheck(
                s.GetRequiredService<SharedRateLimiter>(), s.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>(),
                s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton(s => new StatusReport(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(),
                s.GetRequiredService<RunHistory>(),
                s.GetRequiredService<ProviderCheck>(), s.GetRequiredService<RedisCheck>(), s.GetRequiredService<CorpusFindings>()))
            .AddSingleton(s => new DeclaredCorpora(
                s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<Catalogue>(),
                s.GetRequiredService<EmbeddingSettings>(),
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<CorpusFindings>()))
            .AddSingleton(s => new RunHistory(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<RunStore>(), s.GetRequiredService<CorpusSet>(),
                s.GetRequiredService<EmbeddingSettings>()))
            .AddSingleton<CorpusFindings>()
            .AddSingleton(s => new Audit(s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<RowAudit>()))
            .AddSingleton(s => new Health(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<CorpusFindings>(),
                s.GetRequiredService<ProviderCheck>(), s.GetRequiredService<RedisCheck>()))
            .AddSingleton(s => new SimilarItems(s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>()))
            .AddSingleton(s => new Doctor(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<Catalogue>(),
                s.GetRequiredService<ProviderCheck>(), s.GetRequiredService<RedisCheck>(), s.GetRequiredService<CorpusFindings>(),
                s.GetRequiredService<EmbeddingSettings>(),
                s.GetRequiredService<Redaction>()));

    private static IServiceCollection AddHttp(this IServiceCollection services) =>
        services.AddSingleton(s => new EmbeddingsApi(
            s.GetRequiredService<CorpusSet>(), s.GetRequiredService<BoundCorpora>(), s.GetRequiredService<RunScope>(),
            s.GetRequiredService<RunDesk>(),
            s.GetRequiredService<RunHistory>(), s.GetRequiredService<StatusReport>(),
            new SharedHealth(s.GetRequiredService<Health>(), s.GetRequiredService<TimeProvider>()), s.GetRequiredService<Redaction>(),
            s.GetRequiredService<ILogger<EmbeddingsApi>>()));
}
