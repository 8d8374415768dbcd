namespace EmbeddingFunctions.Schema;

/// <summary>Permissions that a person gives a migration.</summary>
/// <param name="SampleTables">A script that creates the base tables where they are missing; null: they are the owner's.</param>
/// <param name="TakeOver">To write what is there under the names that it needs, though no migration made it; a removal leaves it.</param>
/// <param name="DropUndeclared">To drop what searches may use and the declaration names no more.</param>
internal sealed record MigrationOptions(string? SampleTables = null, bool TakeOver = false, bool DropUndeclared = false);
