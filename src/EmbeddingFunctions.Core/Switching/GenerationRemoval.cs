using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>
/// Removes a generation that is not live. From the moment that this is decided no flip makes it live, and no host embeds it.
/// </summary>
internal sealed class GenerationRemoval(NpgsqlDataSource database, CorpusRemoval removal, ResolvedCorpora resolved)
{
    // The row's lock has this statement and a flip wait for each other.
    private static SqlText Mark(string name) =>
        $"""
        UPDATE embedding.generations SET removed_at = now()
        WHERE  name = {name} AND NOT is_live AND removed_at IS NULL AND NOT EXISTS ({RunQueries.FindCarried(name)})
        """;

    /// <exception cref="DatabaseNotReadyException">A run of it is open, or it was made live a moment ago.</exception>
    public async Task Begin(string name, CancellationToken cancellation)
    {
        await removal.EnsureIdle(name, cancellation);
        if (await database.ExecuteAsync(Mark(name), cancellation) == 1)
        {
            return;
        }

        throw new DatabaseNotReadyException(
            await database.ScalarAsync<Guid?>(RunQueries.FindCarried(name), cancellation) is { } run
                ? $"Run {run} of '{name}' is open: let it end or cancel it, and stop the hosts that would start another."
                : $"'{Generation.CorpusOf(name)}' was flipped by another process at this moment: look how it stands.");
    }

    /// <summary>Removes what was made for it; stopped half-way, it goes on when called again.</summary>
    public async Task Complete(string name, Action<string>? progress, CancellationToken cancellation)
    {
        await removal.Remove(name, progress, cancellation);
        resolved.Forget(name);
    }
}
