namespace EmbeddingFunctions.Bench;

/// <summary>How much is measured.</summary>
/// <param name="Items">Of a backfill.</param>
/// <param name="ManyItems">Of the backfill whose memory is compared with that of <paramref name="Items"/>.</param>
/// <param name="Rows">Written by each way of writing.</param>
/// <param name="Pending">Items pending while pages are planned.</param>
/// <param name="Plans">Pages planned at each size.</param>
/// <param name="LocalTexts">Long texts for the local model; ten times as many short ones.</param>
/// <param name="ScaleItems">Of the backfill that is looked at for what grows.</param>
/// <param name="Steady">How long the use of a limit is counted.</param>
/// <param name="Runs">Medians are of this number of runs.</param>
internal sealed record Sizes(
    int Items, int ManyItems, int Rows, IReadOnlyList<int> Pending, int Plans, int LocalTexts, int ScaleItems, TimeSpan Steady, int Runs)
{
    /// <summary>What is searched.</summary>
    public Search.SearchSize Search { get; init; } = new(20_000, 384, "vector");

    /// <summary>Searches of each kind.</summary>
    public int Searches { get; init; } = 300;

    /// <summary>Real texts of each kind that are searched, at most.</summary>
    public int RelevanceItems { get; init; } = 4_000;

    /// <summary>Titles of each kind that are asked for.</summary>
    public int RelevanceQueries { get; init; } = 500;

    public static readonly Sizes Full = new(
        20_000, 100_000, 10_000, [1_000, 100_000, 1_000_000], 50, 400, 1_000_000, TimeSpan.FromSeconds(60), 3);

    public static readonly Sizes Quick = new(2_000, 10_000, 2_000, [1_000, 10_000, 50_000], 20, 60, 20_000, TimeSpan.FromSeconds(10), 1)
    {
        Search = new(8_000, 384, "vector"),
        Searches = 100,
        RelevanceItems = 200,
        RelevanceQueries = 50,
    };
}
