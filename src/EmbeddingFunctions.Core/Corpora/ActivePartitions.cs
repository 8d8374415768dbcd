namespace EmbeddingFunctions.Corpora;

/// <summary>Where the partitions that may embed are listed.</summary>
public sealed record ActivePartitions
{
    /// <summary>The table that lists them, optionally with its schema.</summary>
    public required string Table { get; init; }

    /// <summary>Its column with the partition's name, as the items' partition column has it.</summary>
    public required string Column { get; init; }

    /// <summary>Only rows with these values are active.</summary>
    public IReadOnlyList<ColumnFilter> Filter { get; init; } = [];

    /// <summary>A second table that a listed partition must belong to, for example its active workspace.</summary>
    public PartitionOwner? Owner { get; init; }
}

/// <summary>The table that a listed partition belongs to.</summary>
public sealed record PartitionOwner
{
    /// <summary>The table's name, optionally with its schema.</summary>
    public required string Table { get; init; }

    /// <summary>The owner's key.</summary>
    public string Id { get; init; } = "id";

    /// <summary>The column of the partitions' table that refers to the owner.</summary>
    public required string ReferredBy { get; init; }

    /// <summary>Only owners with these values are active.</summary>
    public IReadOnlyList<ColumnFilter> Filter { get; init; } = [];
}

/// <summary>A view of all pending items with their kind, id, the named columns and the priority.</summary>
public sealed record PendingView
{
    /// <summary>The view's name, optionally with its schema.</summary>
    public required string Name { get; init; }

    /// <summary>Columns of the items' tables that it shows too.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];
}
