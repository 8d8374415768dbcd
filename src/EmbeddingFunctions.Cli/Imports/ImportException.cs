namespace EmbeddingFunctions.Imports;

/// <summary>What was to be imported cannot be read at all.</summary>
internal sealed class ImportException(string message) : Exception(message);
