using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace EmbeddingFunctions.Hosting;

/// <summary>Sends spans, metrics and log lines by OTLP, if the environment names where to: OpenTelemetry reads the rest of it.</summary>
internal static class Telemetry
{
    public static IServiceCollection AddTelemetry(this IServiceCollection services, EmbeddingSettings settings)
    {
        if (settings.SendsTelemetry)
        {
            Add(services);
        }

        return services;
    }

    /// <summary>Begins to listen, where no generic host does; it ends, and sends what is left, with the services.</summary>
    public static void StartTelemetry(this IServiceProvider services, EmbeddingSettings settings)
    {
        if (settings.SendsTelemetry)
        {
            Start(services);
        }
    }

    // Each in a method of its own, so that a command without telemetry does not load the libraries.
    private static void Add(IServiceCollection services) => services.AddOpenTelemetry()
        // The environment's own name comes last, and wins.
        .ConfigureResource(resource => resource.AddService("embeddings").AddEnvironmentVariableDetector())
        .WithTracing(traces => traces.AddSource(EngineTelemetry.Name))
        .WithMetrics(metrics => metrics.AddMeter(EngineTelemetry.Name))
        .WithLogging()
        .UseOtlpExporter();

    private static void Start(IServiceProvider services) => _ = (
        services.GetService<EngineGauges>(), services.GetService<TracerProvider>(), services.GetService<MeterProvider>(),
        services.GetService<LoggerProvider>());
}
