using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Classifies why a write was rejected.</summary>
internal static class WriteFaults
{
    /// <summary>The row's: a constraint, a value out of range or too large, what a trigger raises unless it speaks of the server.</summary>
    public static bool IsOfARow(PostgresException e) =>
        !IsTransient(e) && !DatabaseFaults.IsOfAnotherGeneration(e)
            && (e.SqlState[..2] is "22" or "23" or "44" or "54" or "P0" || (IsRaised(e) && !IsOfTheServer(e)) || IsOfAPolicy(e));

    /// <summary>Another session keeps a row locked.</summary>
    public static bool IsLocked(PostgresException e) => e.SqlState == PostgresErrorCodes.LockNotAvailable;

    /// <summary>No statement is at fault: a deadlock, a serialization failure, a lost connection.</summary>
    public static bool IsTransient(Exception e) => e is NpgsqlException { IsTransient: true } or TimeoutException
        || (e is NpgsqlException && DatabaseFaults.LacksToken(e.InnerException))
        || e is PostgresException
        {
            SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable
                or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
        };

    // Where in the server an error arose tells a trigger's RAISE of 42501 from a privilege that is missing for all rows.
    private static bool IsRaised(PostgresException e) => e.Routine == "exec_stmt_raise";

    // A row that a policy does not let be written as it would be.
    private static bool IsOfAPolicy(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.InsufficientPrivilege, Routine: "ExecWithCheckOptions" };

    // Connections, transactions that may only read, resources, operators, the system, Postgres itself.
    private static bool IsOfTheServer(PostgresException e) =>
        e.SqlState[..2] is "08" or "25" or "28" or "3D" or "53" or "57" or "58" or "XX";
}
