using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Faults of the database that look alike and are not.</summary>
internal static class DatabaseFaults
{
    public const string TooSlow = "the database was reached, but did not answer a statement in time: look at what it is busy with, and "
        + "try again";

    /// <summary>Whether a statement names what is not there, or is of another type than it was.</summary>
    public static bool IsSchemaMismatch(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
        or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.DatatypeMismatch
        // A prepared statement would answer with other types than before.
        || e is { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" };

    /// <summary>Whether a flip gave the names that a statement knows to another generation.</summary>
    public static bool IsOfAnotherGeneration(PostgresException e) => e.SqlState == "EG001";

    /// <summary>
    /// Whether the token used as the password could not be acquired: recognised by its namespace, as this library does without Azure's.
    /// </summary>
    internal static bool LacksToken(Exception? e) => e?.GetType().Namespace == "Azure.Identity";

    /// <summary>Whether a statement timed out on an open connection, as opposed to a failure to connect.</summary>
    public static bool IsTooSlow(Exception e) =>
        e is NpgsqlException { InnerException: TimeoutException } and not PostgresException
            && !e.Message.StartsWith("Failed to connect", StringComparison.Ordinal)
        && !e.Message.Contains("pool", StringComparison.OrdinalIgnoreCase);
}
