using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Switching;

/// <summary>Measures how well the indexes of a corpus find what exact searches find, and keeps it for the status.</summary>
internal sealed class RecallProbe(IndexProbe probe, RecallRecords records)
{
    // What a search of ten results has.
    private const int Usual = 100;

    private static readonly int[] _tried = [20, 40, Usual, 200, 400, 800];

    /// <returns>A measurement of each kind that has vectors.</returns>
    public async Task<IReadOnlyList<MeasuredRecall>> Measure(
        ResolvedCorpus corpus, int neighbours, int queries, Action<string>? progress, CancellationToken cancellation)
    {
        var measured = new List<MeasuredRecall>();
        foreach (var table in corpus.Tables)
        {
            progress?.Invoke($"searching {table.Name} {queries:N0} times, exactly and by its index");
            if (await Measure(table, neighbours, queries, cancellation) is { } found)
            {
                await records.Keep(corpus.Corpus.Name, found, cancellation);
                measured.Add(found with { MeasuredAt = DateTimeOffset.UtcNow });
            }
        }

        return measured;
    }

    private async Task<MeasuredRecall?> Measure(ResolvedTable table, int neighbours, int queries, CancellationToken cancellation)
    {
        var sample = await probe.Sample(table, queries, cancellation);
        var exact = await probe.Exactly(table, sample, neighbours, cancellation);
        if (exact.Wanted == 0)
        {
            return null;
        }

        var (usual, reached) = ((SearchedSample?)null, new SortedDictionary<int, double>());
        foreach (var ef in _tried.Where(ef => ef >= neighbours))
        {
            var found = await probe.ByIndex(table, exact, ef, neighbours, cancellation);
            reached[ef] = found.Recall;
            usual = ef == Usual || usual is null ? found : usual;
            if (found.Recall >= 0.99 && ef >= Usual)
            {
                break;
            }
        }

        int? Least(double recall) => reached.Where(one => one.Value >= recall).Select(one => (int?)one.Key).FirstOrDefault();
        return new MeasuredRecall(
            table.Kind, neighbours, sample.Count, Math.Max(Usual, neighbours), usual!.Recall, Percentile(usual.Times, 0.5),
            Percentile(usual.Times, 0.95), Percentile(exact.Times, 0.5), Percentile(exact.Times, 0.95), Least(0.95), Least(0.99));
    }

    private static double Percentile(IReadOnlyList<double> values, double share) => IndexProbe.Percentile([.. values], share);
}
