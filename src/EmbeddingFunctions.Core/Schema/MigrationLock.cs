using Npgsql;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The right to migrate a database, which one process has at a time; it ends with the process.</summary>
/// <remarks>
/// The lock belongs to an open transaction, so it works through a transaction pooler. Other processes poll for it instead of waiting in the
/// server, because an index build waits for every running statement, including one that waits for a lock.
/// </remarks>
internal sealed class MigrationLock : IAsyncDisposable
{
    // One key for all migrations of a database: any constant does, as long as no other program locks it.
    private static readonly SqlText _lockKey = Sql.Of($"7311845520613");

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    private readonly NpgsqlConnection? _connection;

    private MigrationLock(NpgsqlConnection? connection) => _connection = connection;

    public static async Task<MigrationLock> Take(NpgsqlDataSource database, Action<string>? progress, CancellationToken cancellation)
    {
        // A database with one connection (the embedded one) has one process, and none to spare for a lock.
        if (ConnectionPool.HasOneConnection(database))
        {
            return new MigrationLock(null);
        }

        for (var isFirst = true; ; isFirst = false)
        {
            if (await TryLock(database, cancellation) is { } turn)
            {
                return turn;
            }

            if (isFirst)
            {
                progress?.Invoke("waiting for another process that migrates this database");
            }

            await Task.Delay(_pause, cancellation);
        }
    }

    /// <returns>Null: another process has it.</returns>
    public static Task<MigrationLock?> TryTake(NpgsqlDataSource database, CancellationToken cancellation) =>
        ConnectionPool.HasOneConnection(database)
            ? Task.FromResult<MigrationLock?>(new MigrationLock(null))
            : TryLock(database, cancellation);

    public ValueTask DisposeAsync() => _connection?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static async Task<MigrationLock?> TryLock(NpgsqlDataSource database, CancellationToken cancellation)
    {
        var connection = await database.OpenConnectionAsync(cancellation);
        try
        {
            // Closing the connection rolls back, which gives up the lock.
            await connection.BeginTransactionAsync(cancellation);
            // In this order: a SELECT keeps its snapshot until the next statement, and building an index waits for all snapshots.
            var take = Sql.Of(
                $"""
                SELECT pg_try_advisory_xact_lock({_lockKey}); {LockingStatements.LiftTimeouts};
                SET LOCAL idle_in_transaction_session_timeout = 0
                """);
            if (await connection.ScalarAsync<bool>(take, cancellation))
            {
                return new MigrationLock(connection);
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        await connection.DisposeAsync();
        return null;
    }
}
