namespace EmbeddingFunctions.Cli;

/// <summary>What the program says when it ends.</summary>
internal static class ExitCode
{
    /// <summary>Done, or nothing to do.</summary>
    public const int Done = 0;

    public const int Failed = 1;

    /// <summary>The command line, the settings or a declaration is wrong.</summary>
    public const int Usage = 2;

    /// <summary>It finished, but some items or lines failed.</summary>
    public const int WithFailures = 3;

    /// <summary>A cap of dollars stopped it, and the rest is pending.</summary>
    public const int CapReached = 4;

    public const int Interrupted = 130;
}
