using System.Diagnostics;

namespace EmbeddingFunctions.Batches;

/// <summary>A point between two durable effects, where a process may die.</summary>
internal enum Checkpoint
{
    AfterClaim,
    BeforeCall,
    AfterResponseBeforeCache,
    AfterCacheBeforeWrite,
    BeforeCommit,
    AfterCommit,
    DuringHeartbeat,
    DuringFinalise,
    AfterLaneUpload,
    AfterLaneCreate,
    DuringLaneDownload,
}

/// <summary>Announces the checkpoints that a process passes on a <see cref="DiagnosticListener"/>, which nothing here listens to.</summary>
internal static class Checkpoints
{
    private static readonly DiagnosticListener _listener = new("EmbeddingFunctions.Checkpoints");

    public static void Reach(Checkpoint checkpoint)
    {
        if (_listener.IsEnabled())
        {
            _listener.Write(checkpoint.ToString(), null);
        }
    }
}
