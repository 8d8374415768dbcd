namespace EmbeddingFunctions.Cli.Imports;

/// <summary>An issue, pull request or discussion as it comes from outside.</summary>
/// <param name="Kind"><c>issue</c>, <c>pull_request</c> or <c>discussion</c>.</param>
/// <param name="Repository">Owner and name.</param>
/// <param name="Number">What people call it; may be null or repeat.</param>
/// <param name="Key">What identifies it within its repository and kind.</param>
internal sealed record WorkspaceItem(
    string Kind, string Repository, int? Number, string Key, string Title, string? Body, DateTimeOffset UpdatedAt);
