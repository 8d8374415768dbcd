namespace EmbeddingFunctions.Cli.Imports;

/// <summary>The result of an import.</summary>
/// <param name="Read">Items read, the bad ones not counted.</param>
/// <param name="Written">Items that were new or had changed.</param>
/// <param name="BadLines">Lines that are no items, each with its number and reason; at most the first hundred.</param>
internal sealed record ImportedItems(int Read, int Written, int Bad, IReadOnlyList<BadLine> BadLines);

internal sealed record BadLine(int Number, string Reason);
