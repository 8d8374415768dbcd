using Azure.Identity;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Whose fault a refused write is.</summary>
internal static class WriteFaults
{
    /// <summary>The row's: a constraint, a trigger's own error, a value out of range.</summary>
    public static bool IsOfARow(PostgresException e) => e.SqlState.Length == 5 && e.SqlState[..2] is "22" or "23" or "44" or "P0";

    /// <summary>Somebody else works on a row and does not come to an end.</summary>
    public static bool IsLocked(PostgresException e) => e.SqlState == PostgresErrorCodes.LockNotAvailable;

    /// <summary>Nobody's: a deadlock, a serialization failure, a lost connection.</summary>
    public static bool IsPassing(Exception e) => e is NpgsqlException { IsTransient: true } or TimeoutException
        // A token that could not be had.
        || e is NpgsqlException { InnerException: AuthenticationFailedException }
        || e is PostgresException
        {
            SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable
                or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
        };
}
