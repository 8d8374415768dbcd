using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions;

internal sealed class Embeddings(
    CorpusSet corpora, Migrator migrator, InProcessEngine engine, StatusReport status, EmbeddingSettings settings) : IEmbeddings
{
    public IReadOnlyList<string> Corpora => corpora.All.Select(corpus => corpus.Name).ToList();

    public Task MigrateAsync(string corpus, Action<string>? progress, CancellationToken cancellationToken) =>
        migrator.Migrate(corpora.Get(corpus), new MigrationOptions(), progress, cancellationToken);

    public Task<RunOutcome> RunAsync(
        string corpus, RunOptions? options, Action<RunProgress>? progress, CancellationToken cancellationToken)
    {
        options ??= new RunOptions();
        corpora.Get(corpus);
        if (!settings.IsEnabled)
        {
            throw new InvalidOperationException($"{nameof(EmbeddingsOptions)}.{nameof(EmbeddingsOptions.IsEnabled)} is false.");
        }

        var request = new RunRequest(corpus, options.Kinds, options.Partition, options.Limit, options.Force, settings.BatchesInFlight)
        {
            AllowMixedModels = options.AllowMixedModels,
        };
        return engine.Run(request, progress, cancellationToken);
    }

    public Task<CorpusStatus> GetStatusAsync(string corpus, CancellationToken cancellationToken) => status.Of(corpus, cancellationToken);
}
