using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>Every log message of the product has an event id of its own, which docs/configuration.md lists.</summary>
public sealed partial class LogEventTests
{
    private static readonly IReadOnlyList<(string Id, string Name, string File)> _events =
        Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => MessagePattern().Matches(File.ReadAllText(file))
                .Select(message => (message.Groups["id"].Value, message.Groups["name"].Value, Path.GetFileName(file)))).ToList();

    [Fact]
    public void Event_ids_are_unique_and_listed_with_their_names()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "configuration.md"));

        Assert.All(_events, message => Assert.Matches("^[1-9][0-9]{2}$", message.Id));
        Assert.Equal(_events.Count, _events.DistinctBy(message => message.Id).Count());
        Assert.Equal(
            _events.Select(message => $"{message.Id} {message.Name}").Order(),
            ListedPattern().Matches(page).Select(row => $"{row.Groups[1].Value} {row.Groups[2].Value}").Order());
    }

    [Fact]
    public void Nothing_is_logged_but_by_generated_messages_of_one_class_in_each_project()
    {
        var source = Path.Combine(Repository.Root, "src");
        var others = Directory.GetFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(file => CallPattern().IsMatch(File.ReadAllText(file))).Select(Path.GetFileName);

        Assert.Empty(others);
        Assert.Equal(["AppLog.cs", "Log.cs", "RedisLog.cs", "ServerLog.cs"], _events.Select(message => message.File).Distinct().Order());
    }

    [GeneratedRegex(@"LoggerMessage\((?:\s*EventId = )?(?<id>\d*).*?partial void (?<name>\w+)\(", RegexOptions.Singleline)]
    private static partial Regex MessagePattern();

    [GeneratedRegex(@"^\| (\d{3}) \| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex ListedPattern();

    [GeneratedRegex(@"\.Log(?:Trace|Debug|Information|Warning|Error|Critical)?\(")]
    private static partial Regex CallPattern();
}
