using EmbeddingFunctions.Batches;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Brings back stored moments that lie further ahead than any can: they are of a clock that was wrong or was set back, and would stop
/// a corpus until then.
/// </summary>
internal sealed class StoredMoments(NpgsqlDataSource database)
{
    /// <summary>As SQL: how far clocks may differ.</summary>
    public const string Tolerance = "interval '1 minute'";

    private const string Mend =
        $"""
        WITH due AS (
            UPDATE embedding_jobs SET due_at = NULL
            WHERE  corpus = $1 AND due_at > now() + {Tolerance} AND completed_at IS NOT NULL
        ),
        heard AS (
            UPDATE embedding_jobs SET heartbeat_at = now()
            WHERE  corpus = $1 AND status IN ('pending', 'processing') AND heartbeat_at > now() + {Tolerance}
        )
        UPDATE embedding_claims
        SET    leased_until = LEAST(leased_until, now() + $2), retry_at = LEAST(retry_at, now() + $3)
        WHERE  corpus = $1 AND (leased_until > now() + $2 + {Tolerance} OR retry_at > now() + $3 + {Tolerance})
        """;

    public async Task MendOf(string corpus, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Mend);
        foreach (var value in new object[] { corpus, ClaimStore.LeaseTime, FailureStore.LongestWait })
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }
}
