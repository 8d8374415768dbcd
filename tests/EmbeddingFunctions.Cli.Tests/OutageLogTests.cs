using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>
/// What a person reads of an outage in the log of <c>serve</c> and <c>backfill</c>, and from <c>doctor</c> and <c>status</c>.
/// </summary>
public sealed partial class OutageLogTests : ProgramTest
{
    // Nothing listens on a port that only root may open.
    private const string Nowhere = "127.0.0.1:1";

    // What a signal is answered with, whatever the command.
    private const string Stopping = "Stopping.";

    [Fact]
    public async Task A_provider_that_answers_500_for_a_while_is_one_line_when_it_begins_and_one_when_it_ends()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        await AsIfServed();
        await using var server = await Server.Start(Program);
        await server.Ended(await server.Ask(new { limit = 10 }));
        using (Fake.Script(Requests.All, Fault.ServerError()))
        {
            await server.Ask(new { });
            await server.Process.Says("The provider of text-embedding-3-small fails");
            var health = await server.Get("/api/embeddings/health");
            Assert.Equal((true, "degraded"), (health.GetProperty("isHealthy").GetBoolean(), health.GetProperty("status").GetString()));
            await Fake.WaitForRequestsAsync(1 + 8, TimeSpan.FromMinutes(2));
        }

        await server.Process.Says("The provider of text-embedding-3-small answers again");
        await Waiting.Until(async () => await Workspace.Embedded() == 30);
        Assert.Equal("healthy", (await server.Get("/api/embeddings/health")).GetProperty("status").GetString());
        server.Process.Signal(Running.SigTerm);
        var said = (await server.Process.Ended()).Error;

        var logged = said.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .SkipWhile(line => !line.Contains("Listening", StringComparison.Ordinal)).TakeWhile(line => line != Stopping).ToList();
        Assert.All(logged, line => Assert.Matches(LogLine(), line));
        Assert.Equal(
            ["warn: EmbeddingFunctions.Resilience.ProviderOutages", "info: EmbeddingFunctions.Resilience.ProviderOutages"],
            logged.Where(line => line.Contains("ProviderOutages", StringComparison.Ordinal)).Select(line => line.Split('[')[0][21..]));
    }

    [Fact]
    public async Task A_missing_Redis_is_reported_once_by_each_command()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        Program.Set("REDIS_URL", $"redis://{Nowhere}");

        var backfill = (await Program.Run("backfill", "workspace")).Exits(0);
        var doctor = (await Program.Run("doctor")).Exits(1);
        var status = (await Program.Run("status")).Exits(0);

        Assert.Single(
            Regex.Matches(backfill.Error, $"warn: .*Redis at {Nowhere} is unavailable .*paid vectors are cached in Postgres meanwhile"));
        Assert.Single(Regex.Matches(doctor.Out, $"FAIL redis: {Nowhere}: .*meanwhile"));
        Assert.Single(Regex.Matches(status.Out, $"Redis at {Nowhere}: .*meanwhile"));
        Assert.DoesNotContain("Redis", doctor.Error + status.Error, StringComparison.Ordinal);
        await AssertWhole();
    }

    [Fact]
    public async Task A_log_level_that_is_set_counts()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        Program.Set("REDIS_URL", $"redis://{Nowhere}").Set("EMBEDDINGS_LOG_LEVEL", "error");

        Assert.DoesNotContain("Redis", (await Program.Run("backfill", "workspace")).Exits(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_at_which_nothing_listens_fails_the_run_with_what_to_do()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        Program.Set("OPENAI_BASE_URL", $"http://{Nowhere}/v1");

        (await Program.Run("backfill", "workspace")).Exits(1).Says("is the provider's address right? Nothing has answered there yet.");
    }

    [GeneratedRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}Z (info|warn|fail): EmbeddingFunctions[.]")]
    private static partial Regex LogLine();
}
