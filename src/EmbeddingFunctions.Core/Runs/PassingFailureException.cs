namespace EmbeddingFunctions.Runs;

/// <summary>An activity failed for a reason that passes by itself, as a database that restarts: its engine may try again.</summary>
public sealed class PassingFailureException(string message) : Exception(message);
