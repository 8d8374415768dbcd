using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Switching;

namespace EmbeddingFunctions;

internal sealed class Embeddings(
    CorpusSet corpora, Generations generations, Migrator migrator, InProcessEngine engine, SwitchedStatus status,
    EmbeddingSettings settings)
    : IEmbeddings
{
    public IReadOnlyList<string> Corpora => corpora.Declared.Select(corpus => corpus.Name).ToList();

    public async Task MigrateAsync(string corpus, Action<string>? progress, CancellationToken cancellationToken) =>
        await migrator.Migrate(await Live(corpus, cancellationToken), new MigrationOptions(), progress, cancellationToken);

    public async Task<RunOutcome> RunAsync(
        string corpus, RunOptions? options, Action<RunProgress>? progress, CancellationToken cancellationToken)
    {
        options ??= new RunOptions();
        var live = await Live(corpus, cancellationToken);
        if (!settings.IsEnabled)
        {
            throw new InvalidOperationException($"{nameof(EmbeddingsOptions)}.{nameof(EmbeddingsOptions.IsEnabled)} is false.");
        }

        var request = new RunRequest(live.Name, options.Kinds, options.Partition, options.Limit, options.Force, settings.BatchesInFlight)
        {
            AllowMixedModels = options.AllowMixedModels,
            MaxDollars = options.MaxDollars,
        };
        return await engine.Run(request, progress, cancellationToken);
    }

    public async Task<CorpusStatus> GetStatusAsync(string corpus, CancellationToken cancellationToken) =>
        await status.Of((await Live(corpus, cancellationToken)).Name, cancellationToken);

    private async Task<Corpus> Live(string name, CancellationToken cancellation)
    {
        await generations.Refresh(cancellation);
        return corpora.Live(name);
    }
}
