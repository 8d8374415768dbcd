namespace EmbeddingFunctions.Cli.Samples;

/// <summary>A small hand-written workspace of three repositories, for the demo.</summary>
internal static class SampleWorkspace
{
    /// <summary>Titles of items whose nearest other item is about the same matter and shares no word with them but stop words.</summary>
    public static IReadOnlyList<string> Questions { get; } =
    [
        "Basket contents vanish once a visitor logs in",
        "Night theme is illegible",
        "Program quits as soon as it is opened",
    ];

    /// <summary>What a person would ask.</summary>
    public static IReadOnlyList<string> PlainQuestions { get; } =
    [
        "mails come too late",
        "my battery is empty by the evening",
        "the page cannot be read in the dark",
    ];

    /// <returns>Its items as JSON lines.</returns>
    public static Stream Open() => typeof(SampleWorkspace).Assembly.GetManifestResourceStream("sample-workspace.jsonl")!;
}
