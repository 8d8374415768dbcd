namespace EmbeddingFunctions.Corpora;

/// <summary>A declaration is wrong, or does not fit the database: nothing was run.</summary>
public sealed class CorpusException(string message) : Exception(message);
