using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace EmbeddingFunctions.Telemetry;

/// <summary>
/// Where a listener, such as OpenTelemetry, finds what the engine does: spans of runs, their batches and the calls of these, and the
/// engine's counters.
/// </summary>
internal static class EngineTelemetry
{
    /// <summary>The name of the source of spans, and of the meter.</summary>
    public const string Name = "EmbeddingFunctions";

    public static ActivitySource Spans { get; } = new(Name);

    public static Meter Meter { get; } = new(Name);

    /// <summary>Marks a span as failed. Messages of faults may hold what a span must not, so that only their type is recorded.</summary>
    public static void Failed(this Activity? span, Exception fault) =>
        span?.SetTag("error.type", fault.GetType().FullName).SetStatus(ActivityStatusCode.Error);
}
