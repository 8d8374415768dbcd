namespace EmbeddingFunctions.Bench.Reports;

/// <summary>Of many measurements, the ones to tell.</summary>
internal static class Samples
{
    public static double Median(this IEnumerable<double> samples) => samples.Percentile(50);

    /// <summary>The nearest rank; the median of an even number is the mean of the two in the middle.</summary>
    public static double Percentile(this IEnumerable<double> samples, int percent)
    {
        var ordered = samples.Order().ToList();
        return percent == 50 && ordered.Count % 2 == 0
            ? (ordered[(ordered.Count / 2) - 1] + ordered[ordered.Count / 2]) / 2
            : ordered[Math.Max(0, (int)Math.Ceiling(ordered.Count * percent / 100d) - 1)];
    }
}
