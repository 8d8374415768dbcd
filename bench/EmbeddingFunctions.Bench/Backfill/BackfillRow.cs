using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Backfill;

/// <param name="Alone">Rows a second of the provider alone, in the same run.</param>
/// <param name="Runs">Empty for the provider alone, whose process is not ours to judge.</param>
internal sealed record BackfillRow(string What, int InFlight, double Alone, double RowsPerSecond, IReadOnlyList<BackfillResult> Runs)
{
    public double OfIdeal => RowsPerSecond * 100 / (InFlight * ProviderAlone.BatchSize / FakeServer.Latency.TotalSeconds);

    public double CpuPerThousand => Median(run => run.CpuPerThousand);

    public string[] Cells() =>
    [
        What, $"{InFlight}", $"{RowsPerSecond:N0}", $"{OfIdeal:N1} %", $"{RowsPerSecond * 100 / Alone:N1} %",
        .. Runs.Count == 0
            ? ["", "", "", ""]
            : new[]
            {
                $"{CpuPerThousand:N3}",
                $"{Median(run => run.StartCpuSeconds):N2}",
                $"{Median(run => run.PeakMegabytes):N0}",
                $"{Median(run => run.AllocatedMegabytes):N0}"
            },
    ];

    private double Median(Func<BackfillResult, double> value) => Runs.Select(value).Median();
}
