namespace EmbeddingFunctions.Cli.Tests;

public sealed class SettingsTests
{
    private readonly Program _program = new Program(Path.GetTempPath())
        .Set("DATABASE_URL", "mysql://somewhere")
        .Set("OPENAI_BASE_URL", "http://example.com/v1")
        .Set("EMBEDDING_PROVIDER", "oracle")
        .Set("EMBEDDING_CONCURRENCY", "0")
        .Set("EMBEDDING_REQUESTS_PER_MINUTE", "lots");

    [Theory]
    [InlineData("backfill", "workspace")]
    [InlineData("migrate", "workspace")]
    [InlineData("status")]
    [InlineData("doctor")]
    [InlineData("demo")]
    public async Task All_that_is_wrong_with_the_settings_is_in_one_message(params string[] command)
    {
        var result = (await _program.Run(command)).Exits(2);
        foreach (
            var setting in new[]
            {
                "DATABASE_URL",
                "OPENAI_BASE_URL",
                "EMBEDDING_PROVIDER is 'oracle'",
                "EMBEDDING_CONCURRENCY is '0'",
                "EMBEDDING_REQUESTS_PER_MINUTE is 'lots'"
            })
        {
            result.Says(setting);
        }
    }

    [Fact]
    public async Task With_json_the_settings_errors_are_an_object()
    {
        var result = (await _program.Run("backfill", "workspace", "--json")).Exits(2);
        Assert.Equal(2, result.Number("exitCode"));
        Assert.Contains("EMBEDDING_PROVIDER", result.Text("error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_corpora_file_that_is_not_there_is_named() =>
        (await new Program(Path.GetTempPath()).Set("CORPORA_FILE", "/no/such.json").Run("status")).Exits(2).Says("/no/such.json");

    [Fact]
    public async Task A_database_that_is_not_there_is_a_failure_that_says_what_to_check() =>
        (await new Program(Path.GetTempPath()).Set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").Run("status")).Exits(1)
            .Says("Check DATABASE_URL");

    [Fact]
    public async Task The_password_of_the_database_is_never_shown()
    {
        var program = new Program(Path.GetTempPath()).Set("DATABASE_URL", "postgres://nobody:canary-pass-77@127.0.0.1:1/none");
        foreach (var command in new[] { "status", "doctor" })
        {
            var result = (await program.Run(command, "--json")).Exits(1);
            Assert.DoesNotContain("canary-pass", result.Out + result.Error, StringComparison.Ordinal);
        }
    }
}
