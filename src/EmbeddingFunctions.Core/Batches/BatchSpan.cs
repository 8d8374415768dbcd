using System.Diagnostics;
using EmbeddingFunctions.Telemetry;

namespace EmbeddingFunctions.Batches;

/// <summary>The span of a batch, within which those of its claim, call and write are.</summary>
internal static class BatchSpan
{
    public static Activity? Begin(EmbedBatch batch) => EngineTelemetry.Spans.StartActivity("batch")
        ?.SetTag("embedding.run.id", batch.RunId.ToString())
        .SetTag("embedding.batch.id", batch.BatchId.ToString())
        .SetTag("embedding.corpus", batch.Corpus)
        .SetTag("embedding.kind", batch.Kind);

    /// <summary>The span of a part of the batch.</summary>
    public static Activity? Part(string name) => EngineTelemetry.Spans.StartActivity(name);

    /// <summary>Says what became of the batch.</summary>
    public static EmbeddedBatch Of(Activity? span, EmbeddedBatch batch)
    {
        if (span is null)
        {
            return batch;
        }

        span.SetTag("embedding.items.claimed", batch.Counts.Claimed)
            .SetTag("embedding.items.embedded", batch.Counts.Embedded)
            .SetTag("embedding.items.cached", batch.Counts.Cached)
            .SetTag("embedding.items.failed", batch.Counts.Failed);
        if ((batch.Stop ?? batch.RetryReason) is { } reason)
        {
            span.SetStatus(ActivityStatusCode.Error, reason);
        }

        return batch;
    }
}
