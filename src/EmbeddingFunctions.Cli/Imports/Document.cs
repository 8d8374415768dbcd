namespace EmbeddingFunctions.Cli.Imports;

/// <summary>A document as it comes from outside; archive and member identify it.</summary>
internal sealed record Document(string Archive, string Member, string? Title, string Content);
