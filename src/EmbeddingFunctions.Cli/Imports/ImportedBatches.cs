namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Writes what is read in sets of a bounded size, and counts what could not be read.</summary>
internal static class ImportedBatches
{
    private const int BatchSize = 1_000;
    private const int BatchCharacters = 8_000_000;
    private const int MaxBadLines = 100;

    /// <param name="lines">Items, or why there is none in a line.</param>
    /// <param name="length">How many characters an item has.</param>
    /// <param name="write">Writes items and says how many were new or had changed.</param>
    /// <param name="cancellation">Ends the import between two sets.</param>
    public static async Task<ImportedItems> Write<T>(
        IAsyncEnumerable<(int Line, T? Item, string? Problem)> lines, Func<T, int> length, Func<IReadOnlyList<T>, Task<int>> write,
        CancellationToken cancellation) where T : class
    {
        var (read, written, badCount, characters) = (0, 0, 0, 0);
        var (bad, batch) = (new List<BadLine>(), new List<T>(BatchSize));
        await foreach (var (line, item, problem) in lines.WithCancellation(cancellation))
        {
            if (item is null)
            {
                badCount++;
                bad.AddRange(bad.Count < MaxBadLines ? [new BadLine(line, problem!)] : []);
                continue;
            }

            read++;
            batch.Add(item);
            characters += length(item);
            if (batch.Count == BatchSize || characters > BatchCharacters)
            {
                written += await write(batch);
                batch.Clear();
                characters = 0;
            }
        }

        written += batch.Count == 0 ? 0 : await write(batch);
        return new ImportedItems(read, written, badCount, bad);
    }
}
