namespace EmbeddingFunctions.Cli;

/// <summary>
/// Options of <c>backfill</c> as fingers know them from an older tool. No aliases: the help would name these and leave ours out.
/// </summary>
internal static class LegacyAliases
{
    private static readonly Dictionary<string, string> _ours = new()
    {
        ["-batch"] = "--batch-size",
        ["-dry-run"] = "--dry-run",
        ["-force"] = "--force",
        ["-limit"] = "--limit",
    };

    public static string[] Replace(string[] args) =>
        args is ["backfill", ..] ? args.Select(arg => _ours.GetValueOrDefault(arg, arg)).ToArray() : args;
}
