namespace EmbeddingFunctions.Corpora;

/// <summary>A declaration is wrong, or does not fit the database: nothing was run.</summary>
public class CorpusException(string message) : Exception(message);

/// <summary>The database was migrated for another declaration, or by another version of this program: another host may fit it.</summary>
internal sealed class CorpusMisfitException(string message) : CorpusException(message);
