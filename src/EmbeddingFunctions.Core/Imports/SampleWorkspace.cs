namespace EmbeddingFunctions.Imports;

/// <summary>A small hand-written workspace of three repositories, for the demo.</summary>
public static class SampleWorkspace
{
    /// <summary>Titles of items that have relatives among the others.</summary>
    public static IReadOnlyList<string> Questions { get; } =
    [
        "Checkout hangs after applying a coupon",
        "Uploading large photos in a review fails",
        "Flaky integration test on CI: order import",
    ];

    /// <returns>Its items as JSON lines.</returns>
    public static Stream Open() => typeof(SampleWorkspace).Assembly.GetManifestResourceStream("sample-workspace.jsonl")!;
}
