namespace EmbeddingFunctions.Cli.Tests;

public sealed class HelpTests
{
    private readonly Program _program = new(Path.GetTempPath());

    [Theory]
    [InlineData]
    [InlineData("demo")]
    [InlineData("migrate")]
    [InlineData("import")]
    [InlineData("import", "workspace")]
    [InlineData("adopt")]
    [InlineData("backfill")]
    [InlineData("status")]
    [InlineData("doctor")]
    [InlineData("failures")]
    [InlineData("failures", "list")]
    [InlineData("failures", "retry")]
    [InlineData("failures", "ignore")]
    [InlineData("corpus")]
    [InlineData("corpus", "init")]
    [InlineData("corpus", "check")]
    [InlineData("corpus", "list")]
    [InlineData("switch")]
    public async Task Help_shows_examples_of_the_command(params string[] command)
    {
        var help = (await _program.Run([.. command, "--help"])).Exits(0);
        Assert.Contains(
            $"Examples:\n  {string.Join(' ', ["embeddings", .. command])}", help.Out.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Empty(help.Error);
    }

    [Fact]
    public async Task The_programs_help_lists_each_command_in_a_line()
    {
        var help = (await _program.Run("--help")).Exits(0).Out;
        foreach (var command in new[] { "demo", "migrate <corpus>", "import", "backfill <corpus>", "status", "doctor" })
        {
            Assert.Single(help.Split('\n'), line => line.StartsWith($"  {command}", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("status [<corpus>]          Show how much", "status <corpus>")]
    [InlineData("migrate <corpus>           Create the columns", "migrate [<corpus>]")]
    [InlineData("check [<corpus>]  Report", "check <corpus>", "corpus")]
    [InlineData("workspace [<file>]  Import", "workspace <file>", "import")]
    public async Task The_list_of_commands_shows_which_arguments_are_optional(string shown, string notShown, params string[] command)
    {
        var help = (await _program.Run([.. command, "--help"])).Exits(0).Out;

        Assert.Contains($"\n  {shown}", help.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.DoesNotContain(notShown, help, StringComparison.Ordinal);
    }
}
