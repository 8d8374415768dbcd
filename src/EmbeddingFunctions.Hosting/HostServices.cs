using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Hosting;

/// <summary>Registers all of the product for a host of this repository, which calls this and nothing else.</summary>
internal static class HostServices
{
    // For callers that name none; every corpus does.
    private const int DefaultDimensions = 384;

    /// <param name="services">Where to.</param>
    /// <param name="settings">Read by <see cref="SettingsReader"/>.</param>
    /// <param name="database">The database to work on.</param>
    /// <param name="localModel">Makes the local model, in the hosts that carry it; called if the settings choose it.</param>
    /// <exception cref="SettingsException">The settings choose the local model, and there is none.</exception>
    public static IServiceCollection AddEmbeddings(
        this IServiceCollection services, EmbeddingSettings settings, NpgsqlDataSource database, Func<ILocalModel>? localModel = null)
    {
        services
            .AddSingleton(settings)
            .AddSingleton(database)
            .AddSingleton(CorpusFile.Load(settings.CorporaFile))
            .AddLogging(log => _ = settings.LogLevel is { } level ? log.AddFilter(nameof(EmbeddingFunctions), level) : log)
            .AddEngine()
            .AddTelemetry(settings)
            .AddProvider(settings, localModel)
            .AddSingleton(s => ActivatorUtilities.CreateInstance<SearchKeys>(s, s.Time()))
            .AddSingleton<ScopedSearch>()
            .AddSingleton(EmbeddingsApi.Of)
            .AddSingleton(s => ActivatorUtilities.CreateInstance<RoutedDashboard>(s, s.Time()));
        return settings.RedisUrl is { } url ? services.AddRedisCache(url) : services;
    }

    private static IServiceCollection AddProvider(
        this IServiceCollection services, EmbeddingSettings settings, Func<ILocalModel>? localModel) => settings.Provider switch
        {
            ProviderChoice.Local when localModel is not null => services
                .AddSingleton(_ => localModel())
                .AddSingleton(s => new Provider(s.GetRequiredService<ILocalModel>())),
            ProviderChoice.Local when settings.IsEnabled => throw new SettingsException([settings.NoLocalModel]),
            ProviderChoice.Local => services.AddSingleton(new Provider(new DisabledEmbeddingGenerator())),
            ProviderChoice.Lexical => services.AddSingleton(new Provider(new LexicalEmbeddingGenerator(DefaultDimensions))),
            _ => services.AddSingleton(_ => new Provider(ProviderFactory.Create(settings)) { Lane = ProviderFactory.CreateLane(settings) }),
        };
}
