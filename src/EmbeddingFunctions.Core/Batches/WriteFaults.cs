using Azure.Identity;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Whose fault a refused write is.</summary>
internal static class WriteFaults
{
    // Where in the server an error arose: it tells a trigger's RAISE of 42501 from a privilege that is missing for all rows.
    private const string RaisedByCode = "exec_stmt_raise";

    /// <summary>The row's: a constraint, a trigger's own error whatever its code, a value out of range or too large.</summary>
    public static bool IsOfARow(PostgresException e) =>
        !IsPassing(e) && (e.SqlState is ['2', '2' or '3', ..] or ['4', '4', ..] or ['5', '4', ..] or ['P', '0', ..] || e.Routine == RaisedByCode);

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
