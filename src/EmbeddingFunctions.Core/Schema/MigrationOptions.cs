namespace EmbeddingFunctions.Schema;

/// <summary>Permissions that a person gives a migration.</summary>
/// <param name="SampleTables">A script that creates the base tables where they are missing; null: they are the owner's.</param>
/// <param name="TakeOver">Whether existing objects with the required names are adopted and overwritten; a removal keeps them.</param>
/// <param name="DropUndeclared">Whether undeclared objects that searches may use are dropped.</param>
/// <param name="AllowOlderDeclaration">Whether a declaration that was in force before the present one may be applied again.</param>
internal sealed record MigrationOptions(
    string? SampleTables = null, bool TakeOver = false, bool DropUndeclared = false, bool AllowOlderDeclaration = false);
