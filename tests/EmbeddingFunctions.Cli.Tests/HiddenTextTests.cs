namespace EmbeddingFunctions.Cli.Tests;

/// <summary>A trigger of the owner's that repeats the row's text in its message: nothing that is shown or logged repeats it too.</summary>
public sealed class HiddenTextTests : ProgramTest
{
    private const string Text = "the diagnosis of patient Nilsen";
    private const string Hidden = "cannot store \"[its text]\" now";

    [Theory]
    [InlineData("P0001", "completed")]
    [InlineData("25006", "failed")]
    public async Task L8_A_reason_repeats_no_text_in_the_log_over_HTTP_in_status_or_in_the_list_of_failures(string state, string status)
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 3);
        await Workspace.Item(repository, Text, "and more of it");
        await Database.Execute(
            $"""
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.title LIKE '%Nilsen' THEN RAISE EXCEPTION 'cannot store "%" now', NEW.title USING ERRCODE = '{state}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER tell BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION tell();
            """);
        await AsIfServed();
        await using var server = await Server.Start(Program);

        var run = await server.Ended(await server.Ask(new { }));
        var overHttp = $"{run} {await server.Get("/api/embeddings/runs")} {await server.Get("/api/embeddings/status")}";
        server.Process.Signal(Running.SigTerm);
        var log = (await server.Process.Ended()).Error;
        var shown = (await Program.Run("status", "workspace")).Out + (await Program.Run("failures", "list", "workspace")).Out;

        Assert.Equal(status, run.GetProperty("run").GetProperty("status").GetString());
        Assert.Contains("[its text]", overHttp, StringComparison.Ordinal);
        Assert.Contains(Hidden, shown, StringComparison.Ordinal);
        Assert.DoesNotContain("Nilsen", overHttp + log + shown, StringComparison.Ordinal);
    }
}
