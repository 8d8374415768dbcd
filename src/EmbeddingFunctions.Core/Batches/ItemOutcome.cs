using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>An item's outcome, to be written to its row if the row is still the one that was read.</summary>
/// <param name="Hash">The fingerprint to store.</param>
/// <param name="Vector">The new vector; empty for the other outcomes.</param>
/// <param name="LeftOut">How many characters of the text are not in the vector.</param>
internal sealed record ItemOutcome(ClaimedItem Item, Outcome Outcome, string Hash, ReadOnlyMemory<float> Vector = default, int LeftOut = 0)
{
    /// <summary>The chunks that the vector is of, where texts are embedded so.</summary>
    public IReadOnlyList<EmbeddedChunk> Chunks { get; init; } = [];

    /// <summary>The state to store.</summary>
    public string State => Outcome switch
    {
        Outcome.Empty => ItemState.Empty,
        Outcome.Unchanged when Item.State == ItemState.Ignored => ItemState.Ignored,
        _ => ItemState.Embedded,
    };
}

internal enum Outcome
{
    /// <summary>It gets a new vector.</summary>
    Embedded,

    /// <summary>The text is the one that was decided on: its vector stays, or it stays ignored; nothing was paid.</summary>
    Unchanged,

    /// <summary>There is nothing to embed: an old vector is cleared.</summary>
    Empty,
}

/// <summary>An item that got no vector, through its own fault.</summary>
/// <param name="Reason">Null: the one that is known from before.</param>
internal sealed record ItemFailure(ClaimedItem Item, string Hash, string? Reason, bool IsDead);
