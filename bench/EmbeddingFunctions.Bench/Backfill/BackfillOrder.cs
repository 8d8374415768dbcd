namespace EmbeddingFunctions.Bench.Backfill;

/// <summary>What a measured process is to embed.</summary>
/// <param name="CorporaFile">Where the corpus is declared.</param>
internal sealed record BackfillOrder(string Database, string CorporaFile, string Corpus, string BaseUrl, int Concurrency);

/// <param name="Seconds">From the order to run until the run was closed; the process was warm before.</param>
/// <param name="CpuSeconds">Of the process, in that time.</param>
/// <param name="StartCpuSeconds">Of the process, before that time, warming up included.</param>
/// <param name="PeakMegabytes">The most memory that the process had resident.</param>
internal sealed record BackfillResult(
    int Items, int Requests, double Seconds, double CpuSeconds, double StartCpuSeconds, double PeakMegabytes, double AllocatedMegabytes,
    int FullCollections)
{
    public double RowsPerSecond => Items / Seconds;

    public double CpuPerThousand => CpuSeconds * 1_000 / Items;
}
