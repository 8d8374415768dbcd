using EmbeddingFunctions;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Embedding Functions to an app.</summary>
public static class EmbeddingServices
{
    /// <summary>
    /// Adds <see cref="IEmbeddings"/>. It uses what the app has registered and replaces none of it: an
    /// <see cref="Npgsql.NpgsqlDataSource"/>, an <see cref="IEmbeddingGenerator{String, Embedding}"/> and, if there is one, a
    /// <see cref="TimeProvider"/>.
    /// </summary>
    /// <param name="services">The app's services.</param>
    /// <param name="configure">Declares the corpora, and limits where the defaults do not fit.</param>
    /// <returns>For more: <see cref="EmbeddingsBuilder.AddWorker"/>.</returns>
    public static EmbeddingsBuilder AddEmbeddings(this IServiceCollection services, Action<EmbeddingsOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<EmbeddingsOptions>().Configure(configure).ValidateOnStart();
        if (services.Any(service => service.ServiceType == typeof(IEmbeddings)))
        {
            return new EmbeddingsBuilder(services);
        }

        services.AddSingleton<IValidateOptions<EmbeddingsOptions>, OptionsRules>()
            .AddSingleton(s => OptionsRules.Corpora(s.Options()))
            .AddSingleton(s => AppGenerator.Settings(s.Generator(), s.Options()))
            .AddSingleton(s => new Provider(new AppGenerator(
                s.Generator(), s.GetRequiredService<IProviderFaults>(), s.GetRequiredService<Redaction>(), s.Options().CallTimeout)))
            .AddEngine()
            .AddSingleton<IEmbeddings>(s => ActivatorUtilities.CreateInstance<Embeddings>(s.Checked()));
        services.TryAddSingleton<IProviderFaults, DefaultProviderFaults>();
        return new EmbeddingsBuilder(services);
    }

    /// <summary>Looks at the options before anything is made by them, so that an app reads what it lacks in our words.</summary>
    /// <exception cref="OptionsValidationException">All that is wrong.</exception>
    internal static IServiceProvider Checked(this IServiceProvider services)
    {
        services.Options();
        return services;
    }

    private static EmbeddingsOptions Options(this IServiceProvider services) =>
        services.GetRequiredService<IOptions<EmbeddingsOptions>>().Value;

    private static IEmbeddingGenerator<string, Embedding<float>> Generator(this IServiceProvider services) =>
        services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();
}
