using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>What a request is over, checked and resolved alike for a run and for its prediction.</summary>
internal sealed class RunScope(NpgsqlDataSource database)
{
    /// <summary>
    /// The moment of a forced run over the same scope ($1 corpus, $2 partition, $3 kinds) that is not done with it, whatever became of its process:
    /// what it embedded is not embedded again. A run with a limit is done only if it found less than that. After a day a new one begins.
    /// </summary>
    public const string LentMoment =
        """
        SELECT j.force_before FROM embedding_jobs j
        WHERE  j.corpus = $1 AND j.partition IS NOT DISTINCT FROM $2 AND j.kinds = $3 AND j.force_before > now() - interval '1 day'
        AND    j.host = 'command' AND j.cancel_requested_at IS NULL
        AND    NOT EXISTS (SELECT FROM embedding_jobs done
                           WHERE done.corpus = $1 AND done.partition IS NOT DISTINCT FROM $2 AND done.kinds = $3 AND done.force_before = j.force_before
                           AND   done.status = 'completed' AND (done.item_limit IS NULL OR done.items_total < done.item_limit))
        ORDER  BY j.created_at DESC
        LIMIT  1
        """;

    /// <exception cref="CorpusException">A kind or the partition is not the corpus's.</exception>
    public async Task Check(BoundCorpus corpus, RunRequest request, CancellationToken cancellation)
    {
        foreach (var kind in request.Kinds)
        {
            corpus.Corpus.TableOf(kind);
        }

        if (request.Partition is not { } partition)
        {
            return;
        }

        if (corpus.ActivePartitions is null)
        {
            throw new CorpusException($"Corpus '{corpus.Corpus.Name}' has no partitions: leave '{partition}' out.");
        }

        await using var command = database.CreateCommand($"SELECT EXISTS (SELECT FROM ({corpus.ActivePartitions}) active WHERE key::text = $1)");
        command.Parameters.Add(new() { Value = partition });
        if (await command.ExecuteScalarAsync(cancellation) is not true)
        {
            var listed = corpus.Corpus.Partitions!;
            throw new CorpusException($"'{partition}' is no active partition of '{corpus.Corpus.Name}': name one of the values of {listed.Table}.{listed.Column}; only those listed there may embed.");
        }
    }

    /// <returns>Forced: the moment before which an item must have been embedded to be in scope; else null.</returns>
    public async Task<DateTimeOffset?> ForceBefore(RunRequest request, CancellationToken cancellation)
    {
        if (!request.Force)
        {
            return null;
        }

        await using var command = database.CreateCommand($"SELECT COALESCE(({LentMoment}), now())");
        command.Parameters.Add(new() { Value = request.Corpus });
        command.Parameters.Add(Partition(request));
        command.Parameters.Add(Kinds(request));
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellation))!);
    }

    public static NpgsqlParameter Partition(RunRequest request) => new() { Value = (object?)request.Partition ?? DBNull.Value, DataTypeName = "text" };

    public static NpgsqlParameter Limit(RunRequest request) => new() { Value = (object?)request.Limit ?? DBNull.Value, DataTypeName = "integer" };

    public static NpgsqlParameter Kinds(RunRequest request) => new() { Value = request.Kinds.Order().ToArray(), DataTypeName = "text[]" };
}
