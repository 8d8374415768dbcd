namespace EmbeddingFunctions.Storage;

/// <summary>Which items a run takes.</summary>
internal enum PendingScope
{
    /// <summary>All that are pending.</summary>
    All,

    /// <summary>Of the pending those that the declaration leaves to the schedule.</summary>
    Scheduled,

    /// <summary>All, fresh or not, that were not embedded since the run began.</summary>
    Forced,
}
