namespace EmbeddingFunctions.BatchLane;

/// <summary>What goes into a batch and into one line of it; the defaults are below what OpenAI accepts.</summary>
internal sealed record LaneLimits
{
    /// <summary>Of a batch.</summary>
    public int Inputs { get; init; } = 50_000;

    /// <summary>Of a batch's file.</summary>
    public long Bytes { get; init; } = 190_000_000;

    /// <summary>
    /// Of a line: one bad input fails its whole line, and the vectors of a line are held in memory and written together.
    /// </summary>
    public int InputsPerLine { get; init; } = 100;

    /// <summary>Of a line.</summary>
    public int TokensPerLine { get; init; } = 100_000;

    /// <summary>The longest pause between two looks at a batch.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long to wait after the provider refused a batch because too many tokens were queued.</summary>
    public TimeSpan QueuePause { get; init; } = TimeSpan.FromMinutes(5);
}
