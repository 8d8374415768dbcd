using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What a person sees, on a pseudo-terminal of 80 columns.</summary>
public sealed partial class TerminalTests : ProgramTest
{
    private const string Script = "/usr/bin/script";

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(150) };

    [TerminalFact]
    public async Task The_bar_shows_rate_remaining_time_tokens_and_cost_in_80_columns()
    {
        await Workspace.Items(await Workspace.Repository(), 600);
        var lines = await Watch("{program} backfill workspace");
        Assert.Contains(lines, line => BarPattern().IsMatch(line));
        Assert.Contains(lines, line => UsedPattern().IsMatch(line));
        Assert.All(lines, line => Assert.True(line.Length <= 80, $"{line.Length} columns: {line}"));
    }

    [TerminalFact]
    public async Task A_long_reason_to_wait_does_not_break_the_bar()
    {
        await Workspace.Items(await Workspace.Repository(), 100);
        Fake.Script(Requests.Where(request => request.Number == 2), Fault.RateLimited(TimeSpan.FromSeconds(11)));
        var lines = await Watch("{program} backfill workspace --concurrency 1");
        Assert.Contains(lines, line => line.Contains("waiting for the provider", StringComparison.Ordinal) && line.EndsWith('…'));
        Assert.All(lines, line => Assert.True(line.Length <= 80, $"{line.Length} columns: {line}"));
    }

    // The lines as they stood at any time, without the codes that move the cursor.
    private async Task<List<string>> Watch(string command)
    {
        await using var running = Program.Set("TERM", "xterm-256color")
            .StartOther(Script, "-qefc", $"stty cols 80 rows 24; {command}", "/dev/null");
        var screen = (await running.Ended()).Exits(0).Out;
        return CodePattern().Replace(screen, "").Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd())
            .ToList();
    }

    [GeneratedRegex(@"^━+ +\d+% [\d,]+/600 items, \d+(\.\d)?/s, ETA \d\d:\d\d:\d\d$")]
    private static partial Regex BarPattern();

    [GeneratedRegex(@"^ +elapsed \d\d:\d\d:\d\d, [\d,]+ tokens, \$0\.\d{4}$")]
    private static partial Regex UsedPattern();

    [GeneratedRegex(@"\x1b\[[0-9;?]*[A-Za-z]")]
    private static partial Regex CodePattern();

    private sealed class TerminalFact : FactAttribute
    {
        public TerminalFact() => Skip = File.Exists(Script) ? null : $"There is no {Script} here.";
    }
}
