using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions;

/// <summary>What an app asks of its corpora, beside the worker that keeps them embedded.</summary>
public interface IEmbeddings
{
    /// <summary>The names of the declared corpora.</summary>
    IReadOnlyList<string> Corpora { get; }

    /// <summary>
    /// Creates the columns, indexes and triggers that a corpus needs, without blocking writers. It may be repeated, and called by several
    /// processes at once. The database role must own the tables.
    /// </summary>
    /// <param name="corpus">Its name.</param>
    /// <param name="progress">Is given a line for each step that takes time and for each finding.</param>
    /// <param name="cancellationToken">Stops half-way; the next call goes on.</param>
    /// <exception cref="NotFoundException">The corpus is not declared.</exception>
    /// <exception cref="DatabaseNotReadyException">The database does not fit the declaration: the message names all faults.</exception>
    Task MigrateAsync(string corpus, Action<string>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>Embeds what is pending now, in this process, and returns when that is done. A failed item does not fail the run.</summary>
    /// <param name="corpus">Its name.</param>
    /// <param name="options">What to run over; null: all that is pending.</param>
    /// <param name="progress">Is called after every batch.</param>
    /// <param name="cancellationToken">
    /// No new batches; those in flight end within five seconds or give their items back; the run ends as cancelled, without an exception.
    /// </param>
    /// <exception cref="NotFoundException">The corpus or a kind is not declared.</exception>
    /// <exception cref="InvalidCorpusException">The partition is unknown.</exception>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for the corpus: the message says what to do.</exception>
    /// <exception cref="InvalidOperationException"><see cref="EmbeddingsOptions.IsEnabled"/> is false.</exception>
    Task<RunOutcome> RunAsync(
        string corpus, RunOptions? options = null, Action<RunProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>Counts coverage, pending items and failures, and lists the last runs, as the database has them now.</summary>
    /// <exception cref="NotFoundException">The corpus is not declared.</exception>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for it.</exception>
    Task<CorpusStatus> GetStatusAsync(string corpus, CancellationToken cancellationToken = default);
}
