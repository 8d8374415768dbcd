namespace EmbeddingFunctions.Cli.Tests;

public sealed class UsageTests
{
    private readonly Program _program = new(Path.GetTempPath());

    [Theory]
    [InlineData("demo, corpus, migrate, import, backfill, search, similar, recall, status, cost, pause, resume, serve, mcp, trigger", "")]
    [InlineData("There is no command 'embed'.", "embed")]
    [InlineData("There is no command 'staus': do you mean 'status'? Name one of the commands:", "staus")]
    [InlineData("There is no command 'requeu': do you mean 'requeue'?", "queue requeu")]
    [InlineData("There is no option '--fast'.", "--fast")]
    [InlineData("There is no option '--versoin': do you mean '--version'?", "--versoin")]
    [InlineData("'--dryrun': do you mean '--dry-run'?", "backfill workspace --dryrun")]
    [InlineData("'--retry-nwo': do you mean '--retry-now'?", "backfill workspace --retry-nwo")]
    [InlineData("'--fast'", "backfill workspace --fast")]
    [InlineData("For example: embeddings backfill workspace", "backfill")]
    [InlineData("For example: embeddings migrate workspace", "migrate")]
    [InlineData("Name one of the commands: workspace, documents.", "import")]
    [InlineData("Name either a file or --git PATH.", "import workspace")]
    [InlineData("Name either a file or --git PATH.", "import workspace items.jsonl --git .")]
    [InlineData("There is no file 'missing.jsonl'", "import workspace missing.jsonl")]
    [InlineData("is a folder: name a file of JSON lines", "import workspace .")]
    [InlineData("There is no file 'missing.jsonl': name one of JSON lines, plain or gzipped.", "import documents missing.jsonl")]
    [InlineData("--where takes name=value, like archive=laws.tar.bz2, not 'archive'.", "backfill documents --where archive")]
    [InlineData("Give one value for archive.", "backfill documents --where archive=a --archive b")]
    [InlineData("--resume-from-id takes a whole number, not 'a1'.", "backfill documents --resume-from-id a1")]
    [
        InlineData(
            "--embedding-batch-size takes a whole number from 1 to 2048, not '2049'.", "backfill documents --embedding-batch-size 2049")]
    [InlineData("Name either --workspace or --no-workspace.", "import workspace items.jsonl --workspace a --no-workspace")]
    [InlineData("--limit takes a whole number of at least 1, not '0'.", "backfill workspace --limit 0")]
    [InlineData("--limit takes a whole number of at least 1, not 'many'.", "backfill workspace --limit many")]
    [InlineData("--limit takes a whole number of at least 1, not '99999999999'.", "backfill workspace --limit 99999999999")]
    [InlineData("--batch-size takes a whole number from 1 to 2048, not '2049'.", "backfill workspace --batch-size 2049")]
    [InlineData("--page-size takes a whole number from 1 to 10000, not '-1'.", "backfill workspace --page-size -1")]
    [InlineData("--concurrency takes a whole number from 1 to 256, not '257'.", "backfill workspace --concurrency 257")]
    [InlineData("--delay takes a time like 500ms, 5s or 2m, at most a day, not '5y'.", "backfill workspace --iterations 2 --delay 5y")]
    [InlineData("--delay takes a time like 500ms, 5s or 2m, at most a day, not '25h'.", "backfill workspace --iterations 2 --delay 25h")]
    [InlineData("give --iterations too", "backfill workspace --delay 5s")]
    [InlineData("--force takes everything in one go: leave --iterations out.", "backfill workspace --force --iterations 2")]
    [InlineData("--dry-run takes everything in one go: leave --iterations out.", "backfill workspace --dry-run --iterations 2")]
    [InlineData("--max-cost takes dollars above zero, like 5 or 0.25, not '-1'.", "backfill workspace --max-cost -1")]
    [InlineData("--max-cost is the cap of one run to the end", "backfill workspace --iterations 2 --max-cost 1")]
    [InlineData("--since takes a day like 2026-01-31, or a moment like 2026-01-31T12:00Z, not 'soon'.", "cost --since soon")]
    [InlineData("--yes is the answer to the question of --repair", "audit workspace --yes")]
    [InlineData("'--by'", "cost --by week")]
    [InlineData("'b'", "status a b")]
    public async Task A_mistake_in_the_command_line_is_reported_with_what_to_do(string message, string commandLine)
    {
        var result = (await _program.Run(Split(commandLine))).Exits(2).Says(message);
        Assert.Empty(result.Out);
    }

    [Theory]
    [InlineData("import workspace", "See 'embeddings import workspace --help'.")]
    [InlineData("nonsense", "See 'embeddings --help'.")]
    [InlineData("backfill", "See 'embeddings backfill --help'.")]
    public async Task A_mistake_points_to_the_help_of_its_command(string commandLine, string message) =>
        (await _program.Run(Split(commandLine))).Exits(2).Says(message);

    [Theory]
    [InlineData("backfill --json")]
    [InlineData("nonsense --json")]
    [InlineData("backfill workspace --limit 0 --json")]
    public async Task With_json_a_mistake_is_an_object_too(string commandLine)
    {
        var result = (await _program.Run(Split(commandLine))).Exits(2);
        Assert.Equal(2, result.Number("exitCode"));
        Assert.Contains("--help", result.Text("error"), StringComparison.Ordinal);
    }

    private static string[] Split(string commandLine) => commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
