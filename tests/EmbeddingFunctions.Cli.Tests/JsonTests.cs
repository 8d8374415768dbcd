using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

public sealed class JsonTests : ProgramTest
{
    [Theory]
    [InlineData("migrate workspace", "migrated")]
    [InlineData("backfill workspace", "embedded")]
    [InlineData("backfill workspace --iterations 2", "embedded")]
    [InlineData("backfill workspace --dry-run", "requests")]
    [InlineData("status", "corpora")]
    [InlineData("status workspace", "corpora")]
    [InlineData("doctor", "findings")]
    [InlineData("failures list workspace", "items")]
    [InlineData("failures retry workspace --all", "retried")]
    [InlineData("failures ignore workspace --all", "ignored")]
    [InlineData("corpus list", "corpora")]
    [InlineData("corpus check", "faults")]
    [InlineData("corpus init issues", "declaration")]
    [InlineData("migrate workspace --down --yes", "removed")]
    public async Task Success_is_one_object_on_standard_output(string command, string property)
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        var result = (await Program.Run([.. command.Split(' '), "--json"])).Exits(0);
        Assert.True(result.Json.TryGetProperty(property, out _), result.Out);
    }

    [Theory]
    [InlineData("backfill nothing", 2)]
    [InlineData("backfill workspace --kind nothing", 2)]
    [InlineData("migrate nothing", 2)]
    [InlineData("status nothing", 2)]
    [InlineData("failures retry workspace --id issue:nothing", 2)]
    [InlineData("failures ignore workspace", 2)]
    [InlineData("failures retry workspace --all --error x", 2)]
    [InlineData("failures retry workspace --id issue", 2)]
    [InlineData("corpus init isues", 2)]
    [InlineData("corpus check nothing", 2)]
    [InlineData("migrate workspace --down", 2)]
    [InlineData("import workspace missing.jsonl", 2)]
    [InlineData("import workspace --git /nowhere", 2)]
    public async Task Failure_is_one_object_with_the_exit_code(string command, int exitCode)
    {
        var result = (await Program.Run([.. command.Split(' '), "--json"])).Exits(exitCode);
        Assert.Equal(exitCode, result.Number("exitCode"));
        Assert.Contains(result.Text("error")!, result.Error.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_run_is_its_summary_with_the_reason()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        Fake.Script(Requests.All, Fault.InsufficientQuota());
        var result = (await Backfill()).Exits(1);
        Assert.Equal("failed", result.Text("status"));
        Assert.Contains("insufficient_quota", result.Text("error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_without_the_corpus_is_one_object_too()
    {
        await using var empty = await TestDatabase.Empty();
        var program = new Program(empty, Fake);
        foreach (var command in new[] { "backfill", "migrate", "status" })
        {
            var result = (await program.Run(command, "workspace", "--json")).Exits(2);
            Assert.Contains("issues", result.Text("error"), StringComparison.Ordinal);
        }

        Assert.False((await program.Run("doctor", "--json")).Exits(1).Json.GetProperty("isWell").GetBoolean());
    }
}
