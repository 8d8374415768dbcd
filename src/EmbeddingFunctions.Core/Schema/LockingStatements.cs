using EmbeddingFunctions.Corpora;
using Npgsql;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// Runs statements that lock an application's tables or rows: each waits two seconds, and then lets those behind it pass before it tries
/// again.
/// </summary>
internal sealed class LockingStatements(NpgsqlDataSource database)
{
    // Statements of the application that came after a waiting one wait with it.
    internal const string LockTimeout = "2s";

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _atMost = TimeSpan.FromMinutes(5);

    // Limits that the role has for an application's statements are not meant for these.
    internal static SqlText LiftTimeouts =>
        $"""
        SELECT pg_catalog.set_config('statement_timeout', '0', true),
               pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true),
               CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL THEN
                   pg_catalog.set_config('transaction_timeout', '0', true) END
        """;

    private static SqlText Prepare =>
        $"{LiftTimeouts}; SELECT pg_catalog.set_config('lock_timeout', {Sql.Literal(LockTimeout)}, true) WHERE {Sql.MarkEngineWrite}";

    /// <returns>How many rows were changed.</returns>
    public Task<int> Run(string sql, Action<string>? progress, CancellationToken cancellation) =>
        Run(connection => connection.ExecuteAsync(Sql.Raw(sql), cancellation, Sql.NoTimeout), progress, cancellation);

    /// <summary>All in one transaction, again from the beginning when a lock could not be had.</summary>
    /// <exception cref="DatabaseNotReadyException">Another transaction held a lock for minutes.</exception>
    public async Task<T> Run<T>(Func<NpgsqlConnection, Task<T>> work, Action<string>? progress, CancellationToken cancellation)
    {
        var begun = TimeProvider.System.GetTimestamp();
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                return await Try(work, cancellation);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                if (TimeProvider.System.GetElapsedTime(begun) > _atMost)
                {
                    throw new DatabaseNotReadyException(
                        "Another transaction keeps a lock that the migration needs. Find it with 'SELECT pid, state, xact_start, query "
                            + "FROM pg_stat_activity "
                        + "ORDER BY xact_start', end it, and run this again: what is done already stays done.");
                }

                if (isFirst)
                {
                    progress?.Invoke("waiting for a transaction that holds a lock; the application's statements are not blocked meanwhile");
                }
            }

            await Task.Delay(_pause, cancellation);
        }
    }

    private async Task<T> Try<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await connection.ExecuteAsync(Prepare, cancellation);
        var result = await work(connection);
        await transaction.CommitAsync(cancellation);
        return result;
    }
}
