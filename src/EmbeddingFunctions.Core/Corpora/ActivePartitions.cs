namespace EmbeddingFunctions.Corpora;

/// <summary>Where the partitions that may embed are listed.</summary>
public sealed record ActivePartitions
{
    public required string Table { get; init; }

    public required string Column { get; init; }

    public IReadOnlyList<ColumnFilter> Filter { get; init; } = [];

    /// <summary>A second table that a listed partition must belong to, for example its active workspace.</summary>
    public PartitionOwner? Owner { get; init; }
}

public sealed record PartitionOwner
{
    public required string Table { get; init; }

    /// <summary>The owner's key.</summary>
    public string Id { get; init; } = "id";

    /// <summary>The column of the partitions' table that refers to the owner.</summary>
    public required string ReferredBy { get; init; }

    public IReadOnlyList<ColumnFilter> Filter { get; init; } = [];
}

/// <summary>A view of all pending items with their kind, id, the named columns and the priority.</summary>
public sealed record PendingView
{
    public required string Name { get; init; }

    public IReadOnlyList<string> Columns { get; init; } = [];
}
