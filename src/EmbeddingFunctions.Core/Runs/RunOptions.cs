namespace EmbeddingFunctions.Runs;

/// <summary>What a run of <see cref="IEmbeddings.RunAsync"/> takes.</summary>
public sealed record RunOptions
{
    /// <summary>Only items of these kinds; empty: all.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>Only items of this partition.</summary>
    public string? Partition { get; init; }

    /// <summary>The most items that the run embeds; null: all.</summary>
    public int? Limit { get; init; }

    /// <summary>Embeds everything in scope again, changed or not. An unfinished forced run over the same scope goes on.</summary>
    public bool Force { get; init; }

    /// <summary>The most dollars that the run may spend; it ends as <see cref="RunStatus.CapReached"/>. Null: no cap of its own.</summary>
    public decimal? MaxDollars { get; init; }

    /// <summary>Allows vectors of another model to stay in the column until they are replaced.</summary>
    public bool AllowMixedModels { get; init; }
}
