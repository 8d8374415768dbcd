using System.Diagnostics;
using EmbeddingFunctions.Telemetry;

namespace EmbeddingFunctions.Runs;

/// <summary>The span of a run that one process carries; Durable makes its own spans of its orchestrations.</summary>
internal static class RunSpan
{
    public static Activity? Begin(RunInput run) => EngineTelemetry.Spans.StartActivity("run")
        ?.SetTag("embedding.run.id", run.RunId.ToString())
        .SetTag("embedding.corpus", run.Request.Corpus);

    /// <summary>Says how the run ended.</summary>
    public static void End(Activity? span, RunOutcome outcome) => span
        ?.SetTag("embedding.run.status", outcome.Status.ToString().ToLowerInvariant())
        .SetTag("embedding.items.embedded", outcome.Counts.Embedded)
        .SetTag("embedding.items.failed", outcome.Counts.Failed)
        .SetStatus(outcome.Status == RunStatus.Failed ? ActivityStatusCode.Error : ActivityStatusCode.Unset, outcome.Error);
}
