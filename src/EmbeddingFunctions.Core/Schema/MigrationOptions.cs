namespace EmbeddingFunctions.Schema;

/// <summary>Permissions that a person gives a migration.</summary>
/// <param name="WithSampleTables">To create the base tables of the shipped corpora where they are missing.</param>
/// <param name="TakeOver">To write what is there under the names that it needs, though no migration made it; a removal leaves it.</param>
/// <param name="DropUndeclared">To drop what searches may use and the declaration names no more.</param>
internal sealed record MigrationOptions(bool WithSampleTables = false, bool TakeOver = false, bool DropUndeclared = false);
