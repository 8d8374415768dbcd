namespace EmbeddingFunctions.Runs;

/// <summary>An activity failed for good; engines throw it in place of whatever they know of the failure.</summary>
internal sealed class ActivityFailedException(string message, Exception? inner = null) : Exception(message, inner);
