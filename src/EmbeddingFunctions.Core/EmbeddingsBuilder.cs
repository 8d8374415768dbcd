using EmbeddingFunctions.Alerts;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions;

/// <summary>Adds to what AddEmbeddings registered.</summary>
public sealed class EmbeddingsBuilder
{
    internal EmbeddingsBuilder(IServiceCollection services) => Services = services;

    /// <summary>The app's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>
    /// Keeps the corpora embedded in the background of this process, see <see cref="EmbeddingWorker"/>, and sends alerts where
    /// <see cref="EmbeddingsOptions.AlertUrl"/> is set.
    /// </summary>
    public EmbeddingsBuilder AddWorker()
    {
        Services.AddHostedService(services =>
        {
            var engine = services.Checked();
            _ = engine.GetRequiredService<EngineGauges>();
            return engine.GetRequiredService<EmbeddingWorker>();
        });
        Services.AddHostedService(services => services.Checked().GetRequiredService<AlertWatch>());
        return this;
    }
}
