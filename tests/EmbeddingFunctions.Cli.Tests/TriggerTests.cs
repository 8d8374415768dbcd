namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings trigger</c> against a running host.</summary>
public sealed class TriggerTests : ProgramTest
{
    [Fact]
    public async Task It_asks_for_a_run_and_waits_for_its_end()
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        await using var server = await Server.Start(Program);

        var result = (await Trigger(server, "workspace", "--kind", "issue", "--wait", "--json")).Exits(0);

        Assert.Equal("completed", result.Json.GetProperty("run").GetProperty("status").GetString());
        Assert.Equal(45, await Workspace.Embedded());
    }

    [Fact]
    public async Task Without_waiting_it_prints_the_run_s_id_and_the_same_event_is_the_same_run()
    {
        await using var server = await Server.Start(Program);

        var first = (await Trigger(server, "workspace", "--id", "nightly-7")).Exits(0);
        var second = (await Trigger(server, "workspace", "--id", "nightly-7")).Exits(0).Says("was requested earlier");

        Assert.True(Guid.TryParse(first.Out, out _));
        Assert.Equal(first.Out, second.Out);
    }

    [Fact]
    public async Task A_run_that_fails_fails_the_command_with_its_reason()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await AsIfServed();
        await using var server = await Server.Start(Program.Set("OPENAI_API_KEY", "sk-wrong-0123456789"));

        var result = (await Trigger(server, "workspace", "--wait")).Exits(1);

        Assert.StartsWith("failed: 0 of 5 items", result.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-wrong", result.Out + result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data.corpus names no declared corpus; declared are: workspace, sessions, summaries, clips, documents.", "laws")]
    [InlineData("data.itemTypes is no list of item types of 'workspace'", "workspace", "--kind", "commit")]
    [InlineData("data.repositoryId: '7' is no active partition of 'workspace'", "workspace", "--partition", "7")]
    [InlineData("--limit takes a whole number of at least 1, not '0'.", "workspace", "--limit", "0")]
    public async Task What_cannot_be_asked_for_is_reported_with_its_field(string message, params string[] arguments)
    {
        await using var server = await Server.Start(Program);

        (await Trigger(server, arguments)).Exits(2).Says(message);
    }

    [Fact]
    public async Task Interrupted_while_it_waits_it_says_that_the_run_goes_on()
    {
        await LetARunWait();
        await AsIfServed();
        await using var server = await Server.Start(Program);
        await using var trigger = Program.Start("trigger", "workspace", "--wait", "--url", server.Address);
        await trigger.Says("waiting for a start slot");
        trigger.Signal(Running.SigTerm);

        (await trigger.Ended()).Exits(130).Says("No longer waiting: run ");
        Assert.Equal("pending", await Database.Ask<string>("SELECT status FROM embedding.jobs WHERE host = 'server'"));
    }

    [Fact]
    public async Task Without_a_host_it_says_how_to_start_one() =>
        (await Program.Run("trigger", "workspace", "--url", "http://127.0.0.1:1")).Exits(1).Says("is no embeddings host")
            .Says("embeddings serve");

    [Fact]
    public async Task A_key_goes_to_a_host_that_wants_one_and_to_no_other_machine_in_the_clear()
    {
        await using var server = await Server.Start(Program.Set("EMBEDDINGS_API_KEY", "canary-0123456789abcdef"));
        (await Trigger(server, "workspace")).Exits(0);
        (await Program.Run("trigger", "workspace", "--url", "http://host.example:7071")).Exits(2).Says("use https");

        Program.Set("EMBEDDINGS_API_KEY", "another-0123456789abcdef");
        var refused = (await Trigger(server, "workspace")).Exits(1).Says("wants another key");
        Assert.DoesNotContain("0123456789", refused.Error, StringComparison.Ordinal);
    }

    private Task<Result> Trigger(Server server, params string[] arguments) =>
        Program.Run(["trigger", .. arguments, "--url", server.Address]);
}
