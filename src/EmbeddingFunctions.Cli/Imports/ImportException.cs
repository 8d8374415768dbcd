namespace EmbeddingFunctions.Cli.Imports;

/// <summary>The file to be imported cannot be read at all.</summary>
internal sealed class ImportException(string message) : Exception(message);
