namespace EmbeddingFunctions.Runs;

/// <summary>An activity failed for a reason that passes by itself, as a database that restarts: its engine may try again.</summary>
internal sealed class TransientFailureException(string message) : Exception(message);

/// <summary>
/// An activity failed because its host's declaration or version is not the one that the database was migrated for: another host may do it.
/// </summary>
internal sealed class IncompatibleHostException(string message) : Exception(message);
