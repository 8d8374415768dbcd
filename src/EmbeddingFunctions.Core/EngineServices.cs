using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Alerts;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Telemetry;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions;

/// <summary>Registers the engine, under types of its own only: nothing of an app's is replaced.</summary>
/// <remarks>
/// Needed in addition: an <see cref="NpgsqlDataSource"/>, <see cref="EmbeddingSettings"/>, a <see cref="Corpora.CorpusSet"/> and a
/// <see cref="Provider"/>.
/// </remarks>
internal static class EngineServices
{
    public static IServiceCollection AddEngine(this IServiceCollection services) => services
        .AddLogging()
        .AddSingleton<Redaction>()
        .AddStorage()
        .AddProvider()
        .AddCache()
        .AddRuns()
        .AddReports()
        .AddTimed<QueryEmbedder>()
        .AddTimed<ISearch, Searcher>();

    /// <summary>The app's clock, if it has registered one.</summary>
    public static TimeProvider Time(this IServiceProvider services) => services.GetService<TimeProvider>() ?? TimeProvider.System;

    private static IServiceCollection AddStorage(this IServiceCollection services) => services
        .AddSingleton<Catalogue>()
        .AddTimed<DatabaseOutages>()
        .AddSingleton(SchemaRange.OfThisProgram)
        .AddSingleton<SchemaVersion>()
        .AddSingleton<IMigrationObstacles, ForeignObjects>()
        .AddSingleton<DatabaseClock>()
        .AddSingleton(s => new ModelWindow(s.GetRequiredService<Provider>().Generator.GetService<ITextWindow>()))
        .AddSingleton(s => new ResolvedCorpora(
            s.GetRequiredService<Corpora.CorpusSet>(), s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(),
            s.GetRequiredService<SchemaVersion>(), s.GetRequiredService<IMigrationObstacles>(), s.GetRequiredService<Generations>(),
            s.GetRequiredService<EmbeddingSettings>(), s.Time(),
            s.GetRequiredService<ModelWindow>().Window))
        .AddSingleton<Generations>()
        .AddSingleton<OtherModels>()
        .AddSingleton<SourceChanges>()
        .AddSingleton<SourceSweep>()
        .AddSingleton<WorkNotices>()
        .AddTimed<Pauses>()
        .AddSingleton<CorpusRemoval>()
        .AddTimed<ISearchIndexes, SearchIndexes>()
        .AddSingleton(s => new EngineSchema(
            s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<SchemaRange>(), SqlScript.Versioned))
        .AddSingleton(s => new Migrator(
            s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<Catalogue>(), s.GetRequiredService<EmbeddingSettings>(),
            s.GetRequiredService<EngineSchema>(), s.GetRequiredService<SchemaVersion>(), s.GetRequiredService<RowAudit>(),
            s.GetRequiredService<ModelWindow>().Window, s.GetRequiredService<ILogger<Migrator>>()));

    private static IServiceCollection AddProvider(this IServiceCollection services) => services
        .AddSingleton(s => RateLimits.Of(s.GetRequiredService<EmbeddingSettings>()))
        .AddSingleton(s => ProviderAccount.Of(s.GetRequiredService<EmbeddingSettings>()))
        .AddTimed<ILimiterStore, PostgresLimiterStore>()
        .AddTimed<SharedRateLimiter>()
        .AddSingleton(s => new RequestPacker(
            s.GetRequiredService<RateLimits>().EvenRequest, s.GetRequiredService<EmbeddingSettings>().InputsPerRequest))
        .AddTimed<ProviderOutages>()
        .AddSingleton(s => PriceTable.Load(s.GetRequiredService<EmbeddingSettings>().PricesFile, s.Time()))
        .AddTimed<Ledger>()
        .AddSingleton<CostReport>()
        .AddSingleton(Pipeline);

    // From the inside out: call, check the reply, enter it in the ledger, keep the limits, retry.
    private static ProviderPipeline Pipeline(IServiceProvider services)
    {
        var (settings, limiter) = (services.GetRequiredService<EmbeddingSettings>(), services.GetRequiredService<SharedRateLimiter>());
        if (!settings.IsEnabled)
        {
            return new ProviderPipeline(new DisabledEmbeddingGenerator());
        }

        // Spans and metrics by the GenAI conventions.
        var asked = new OpenTelemetryEmbeddingGenerator<string, Embedding<float>>(
            new CheckedEmbeddingGenerator(services.GetRequiredService<Provider>().Generator), sourceName: EngineTelemetry.Name);
        if (!settings.IsRemote)
        {
            return new ProviderPipeline(asked);
        }

        var entered = new LedgeredEmbeddingGenerator(
            asked, services.GetRequiredService<Ledger>(), services.GetRequiredService<PriceTable>(), settings.Model);
        var throttled = new ThrottledEmbeddingGenerator(
            entered, limiter, new AdaptiveConcurrencyLimiter(settings.Concurrency, services.Time()), settings.Model);
        return new ProviderPipeline(new RetryingEmbeddingGenerator(
            throttled, limiter, settings.Model, services.Time(), services.GetRequiredService<ProviderOutages>()));
    }

    private static IServiceCollection AddCache(this IServiceCollection services)
    {
        services.AddSingleton(s => new CacheKey(
                s.GetRequiredService<EmbeddingSettings>(), s.GetRequiredService<NpgsqlDataSource>(),
                outages: s.GetRequiredService<DatabaseOutages>()))
            .AddSingleton<SingleFlight>()
            .AddSingleton(s => new PostgresVectorCache(
                s.GetRequiredService<NpgsqlDataSource>(), s.GetRequiredService<CacheKey>(), s.Time(),
                outages: s.GetRequiredService<DatabaseOutages>()))
            .AddSingleton(s => new RedisCheck(s.GetService<ICacheServer>()));
        services.TryAddSingleton<IVectorCache>(s =>
            s.GetRequiredService<EmbeddingSettings>().IsRemote
                ? new GroupedVectorCache(s.GetRequiredService<PostgresVectorCache>()) : new NoVectorCache());
        return services;
    }

    private static IServiceCollection AddRuns(this IServiceCollection services) => services
        .AddTimed<ClaimStore>()
        .AddSingleton<LagStore>()
        .AddTimed<WaitStore>()
        .AddSingleton<VectorStore>()
        .AddSingleton<FailureStore>()
        .AddSingleton<FailedItems>()
        .AddSingleton<FailureReport>()
        .AddSingleton<Erasure>()
        .AddSingleton<AdoptionRecords>()
        .AddSingleton<ExistingVectors>()
        .AddSingleton<Adopter>()
        .AddSingleton<WaitingItems>()
        .AddSingleton<RowAudit>()
        .AddSingleton<BatchWriter>()
        .AddSingleton(s => new TextEmbedder(
            s.GetRequiredService<ProviderPipeline>().Generator, s.GetRequiredService<RequestPacker>(),
            s.GetRequiredService<IVectorCache>(),
            s.GetRequiredService<EmbeddingSettings>().IsRemote ? s.GetRequiredService<InputLimits>() : null))
        .AddSingleton<InputLimits>()
        .AddSingleton(s => new CachingTextEmbedder(
            s.GetRequiredService<TextEmbedder>(), s.GetRequiredService<IVectorCache>(),
            s.GetRequiredService<EmbeddingSettings>().IsRemote ? s.GetRequiredService<SingleFlight>() : null, s.Time()))
        .AddTimed<BatchSizes>()
        .AddTimed<LeaseKeeper>()
        .AddTimed<BatchEmbedder>()
        .AddTimed<QueueIntake>()
        .AddSingleton<QueueRows>()
        .AddTimed<PagePlanner>()
        .AddSingleton<RunScope>()
        .AddSingleton<RunPages>()
        .AddSingleton<RunQueries>()
        .AddSingleton<RunTransitions>()
        .AddSingleton<RunJanitor>()
        .AddSingleton<RevertedItems>()
        .AddTimed<RunLifecycle>()
        .AddSingleton<TriggeredRuns>()
        .AddBatchLane()
        .AddSingleton<RunScheduler>()
        .AddSingleton<ChangeListener>()
        .AddTimed<BackgroundEngine>()
        .AddSingleton(s => new EmbeddingWorker(
            s.GetRequiredService<RunScheduler>(), s.GetRequiredService<ChangeListener>(), s.GetRequiredService<BackgroundEngine>(),
            s.GetRequiredService<EmbeddingSettings>(), s.GetRequiredService<Redaction>(), s.GetRequiredService<ILogger<EmbeddingWorker>>()))
        .AddSingleton<RunActivities>()
        .AddSingleton<DryRun>()
        .AddTimed<InProcessEngine>();

    private static IServiceCollection AddBatchLane(this IServiceCollection services) => services
        .AddSingleton<LaneLimits>()
        .AddSingleton<LaneStore>()
        .AddSingleton<LaneItems>()
        .AddSingleton<LaneLedger>()
        .AddSingleton<LaneSubmission>()
        .AddTimed<LaneResults>()
        .AddTimed<LaneRuns>()
        .AddSingleton<ILaneRuns>(s => s.GetRequiredService<LaneRuns>());

    private static IServiceCollection AddReports(this IServiceCollection services) => services
        .AddSingleton(s => new ProviderCheck(
            s.GetRequiredService<SharedRateLimiter>(), s.GetRequiredService<ProviderPipeline>().Generator,
            s.GetRequiredService<EmbeddingSettings>()))
        .AddTimed<FreshnessReport>()
        .AddSingleton<SpendingReport>()
        .AddSingleton<TrendReport>()
        .AddSingleton<StatusReport>()
        .AddSingleton<RunHistory>()
        .AddSingleton<CorpusFindings>()
        .AddSingleton<Leftovers>()
        .AddSingleton<DriftSample>()
        .AddSingleton<Audit>()
        .AddSingleton<Health>()
        .AddSingleton<IndexProbe>()
        .AddSingleton<RecallRecords>()
        .AddSingleton<RecallProbe>()
        .AddSingleton<QuestionProbe>()
        .AddSingleton<SwitchGate>()
        .AddSingleton<GenerationFlip>()
        .AddSingleton<GenerationRemoval>()
        .AddSingleton<GenerationSwitch>()
        .AddSingleton<SwitchedStatus>()
        .AddTimed<OverviewReport>()
        .AddTimed<EngineGauges>()
        .AddTimed<RunTimeline>()
        .AddSingleton<DeclarationReport>()
        .AddSingleton<CoverageWatch>()
        .AddSingleton<TroubleReport>()
        .AddSingleton<IncidentStore>()
        .AddTimed<AlertSender>()
        .AddTimed<AlertWatch>()
        .AddTimed<CachedHealth>();

    // The clock is handed over, because none is registered for the app.
    private static IServiceCollection AddTimed<T>(this IServiceCollection services) where T : class =>
        services.AddTimed<T, T>();

    private static IServiceCollection AddTimed<TService, T>(this IServiceCollection services)
        where TService : class where T : class, TService =>
        services.AddSingleton<TService>(s => ActivatorUtilities.CreateInstance<T>(s, s.Time()));

    // Null is no service.
    private sealed record ModelWindow(ITextWindow? Window);
}
