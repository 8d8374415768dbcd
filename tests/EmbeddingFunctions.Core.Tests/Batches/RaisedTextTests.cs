namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A trigger of the owner's that repeats the row's text in what it raises.</summary>
public sealed class RaisedTextTests(BatchDatabase shared) : BatchTest(shared)
{
    private const string Text = "the diagnosis of patient Nilsen";

    // Of the server by their class, so the run ends; the last is the row's, and the item fails.
    [Theory]
    [InlineData("25006")]
    [InlineData("XX000")]
    [InlineData("P0001")]
    public async Task L8_What_a_trigger_raises_about_the_server_or_the_row_is_reported_without_the_text(string state)
    {
        await Workspace.Item(Repository, "one");
        var id = await Workspace.Item(Repository, Text, "and more of it");
        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.title LIKE '%Nilsen' THEN RAISE EXCEPTION 'cannot store "%" now', NEW.title USING ERRCODE = '{state}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION tell();
            """);

        var run = await Worker.Run();

        var told = $"{run.Error} {await Database.Ask<string>("SELECT string_agg(error_message, ' ') FROM embedding.jobs")} "
            + $"{await Database.Ask<string>("SELECT string_agg(reason, ' ') FROM embedding.claims WHERE item_id = $1", id)}";
        Assert.Contains("cannot store \"[its text]\" now", told, StringComparison.Ordinal);
        Assert.DoesNotContain("Nilsen", told, StringComparison.Ordinal);
    }
}
