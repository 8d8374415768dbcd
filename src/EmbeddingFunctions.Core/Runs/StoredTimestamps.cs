using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Brings back stored moments that lie further ahead than any can: they are of a clock that was wrong or was set back, and would stop
/// a corpus until then.
/// </summary>
internal sealed class StoredTimestamps(NpgsqlDataSource database)
{
    /// <summary>How far clocks may differ.</summary>
    public static SqlText Tolerance => $"interval '1 minute'";

    private static SqlText Mend(string corpus)
    {
        var (leased, retried) = (Sql.Of($"now() + {ClaimStore.LeaseTime}"), Sql.Of($"now() + {FailureStore.LongestWait}"));
        return
            $"""
            WITH due AS (
                UPDATE embedding.jobs SET due_at = NULL
                WHERE  corpus = {corpus} AND due_at > now() + {Tolerance} AND completed_at IS NOT NULL
            ),
            heard AS (
                UPDATE embedding.jobs SET leased_until = now()
                WHERE  corpus = {corpus} AND status IN ('pending', 'processing') AND leased_until > now() + {RunHeartbeat.LeaseTime} +
                    {Tolerance}
            )
            UPDATE embedding.claims
            SET    leased_until = LEAST(leased_until, {leased}), retry_at = LEAST(retry_at, {retried})
            WHERE  corpus = {corpus} AND (leased_until > {leased} + {Tolerance} OR retry_at > {retried} + {Tolerance})
            """;
    }

    public Task MendOf(string corpus, CancellationToken cancellation) => database.ExecuteAsync(Mend(corpus), cancellation);
}
