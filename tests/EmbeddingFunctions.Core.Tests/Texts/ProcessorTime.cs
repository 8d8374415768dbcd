using System.Diagnostics;
using System.Globalization;

namespace EmbeddingFunctions.Core.Tests.Texts;

/// <summary>How long work takes on its own thread, however busy the machine is; by the clock where the system does not tell.</summary>
internal static class ProcessorTime
{
    private const string Told = "/proc/thread-self/schedstat";

    public static TimeSpan Of(Action work)
    {
        var begun = Now();
        work();
        return Now() - begun;
    }

    private static TimeSpan Now() => File.Exists(Told)
        ? TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText(Told).Split(' ')[0], CultureInfo.InvariantCulture) / 1_000)
        : Stopwatch.GetElapsedTime(0);
}
