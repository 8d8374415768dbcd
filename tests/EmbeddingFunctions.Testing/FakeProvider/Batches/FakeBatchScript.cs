namespace EmbeddingFunctions.Testing;

/// <summary>What goes wrong with a batch; lines are counted from 1.</summary>
public sealed record FakeBatchScript
{
    /// <summary>Answers come in another order than the lines.</summary>
    public bool Shuffle { get; init; }

    /// <summary>Lines that are neither in the output nor in the errors.</summary>
    public Func<int, bool> IsMissing { get; init; } = _ => false;

    /// <summary>Lines whose answer is cut off in the middle.</summary>
    public Func<int, bool> IsTorn { get; init; } = _ => false;

    /// <summary>Lines that are answered twice.</summary>
    public Func<int, bool> IsTwice { get; init; } = _ => false;

    /// <summary>Lines that fail because of an input.</summary>
    public Func<string, bool> IsBadInput { get; init; } = _ => false;

    /// <summary>Answers of lines that were never sent, and of none.</summary>
    public bool HasStrangers { get; init; }

    /// <summary>All lines fail with this status; there is no output file then.</summary>
    public int? AllFailWith { get; init; }

    /// <summary>The lines after these are not done within the day.</summary>
    public int? ExpiresAfter { get; init; }

    /// <summary>The batch is refused as a whole: code, message, and the line that it is about.</summary>
    public IReadOnlyList<(string Code, string Message, int? Line)> Refusals { get; init; } = [];

    /// <summary>It never ends.</summary>
    public bool IsEndless { get; init; }
}
