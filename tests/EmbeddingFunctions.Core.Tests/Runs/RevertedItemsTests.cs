using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Triggers of the owner's that make every written row look changed.</summary>
public sealed class RevertedItemsTests : RunTest
{
    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Workspace.Items(await Workspace.Repository(), 20);
    }

    [Fact]
    public async Task A_touch_by_the_engines_own_write_makes_no_item_pending_again()
    {
        await Create(
            "zzzz_touch", "AFTER UPDATE",
            "IF pg_trigger_depth() = 1 THEN UPDATE issues SET updated_at = clock_timestamp() WHERE id = NEW.id; END IF;");

        var outcome = await Engine.Run();

        Assert.Equal((20, null), (outcome.Counts.Embedded, outcome.Error));
        Assert.Equal(0, await Workspace.Pending());
        await Database.Execute("UPDATE issues SET title = 'edited'");
        Assert.Equal(20, await Workspace.Pending());
    }

    [Fact]
    public async Task Each_item_is_settled_once_in_a_run_and_the_trigger_that_undoes_it_is_named()
    {
        await Create("zzzz_touch", "BEFORE UPDATE", "NEW.updated_at := clock_timestamp();");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        var outcome = await Engine.Run(stopping: patience.Token);

        Assert.Equal((RunStatus.Completed, 20, 20), (outcome.Status, outcome.Counts.Processed, Fake.PaidInputCount));
        Assert.Contains("20 issue items were settled and are pending again", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("(zzzz_touch)", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(outcome.Error, await Database.Ask<string>("SELECT error_message FROM embedding.jobs"));
        Assert.Equal((20, 20), ((await Engine.Run(stopping: patience.Token)).Counts.Unchanged, Fake.PaidInputCount));
    }

    [Theory]
    [InlineData("BEFORE UPDATE", "NEW.title := split_part(NEW.title, '|', 1) || '|' || clock_timestamp();")]
    [
        InlineData(
            "AFTER UPDATE", "IF pg_trigger_depth() = 1 THEN UPDATE issues SET body = clock_timestamp()::text WHERE id = NEW.id; END IF;")]
    public async Task M2_an_item_whose_text_a_trigger_changes_at_each_write_is_settled_once_in_a_run_and_the_trigger_is_named(
        string when, string body)
    {
        await Create("stamp", when, body);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        var outcome = await Engine.Run(stopping: patience.Token);

        Assert.Equal((RunStatus.Completed, 20, 20), (outcome.Status, outcome.Counts.Embedded, Fake.PaidInputCount));
        Assert.Contains("20 issue items were settled and are pending again", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("(stamp) changes their text whenever they are written", outcome.Error, StringComparison.Ordinal);
        Assert.Equal((20, 20L), (await Workspace.Pending(), await InState("rewritten")));
        // They say so themselves.
        Assert.Equal(0, (await Engine.Get<Audit>().Of("workspace", isRepaired: false, default)).Found.Values.Sum());
        Assert.Equal(20, (await Engine.Run(stopping: patience.Token)).Counts.Embedded);

        await Database.Execute("DROP TRIGGER stamp ON issues");
        Assert.Null((await Engine.Run(stopping: patience.Token)).Error);
        Assert.Equal((0L, 0), (await Workspace.Pending(), (await Workspace.Stale()).Count));
        Assert.Equal(20, await InState("embedded"));
    }

    [Fact]
    public async Task M2_a_server_warns_of_a_scheduled_run_whose_items_a_trigger_makes_pending_again()
    {
        await Create("stamp", "BEFORE UPDATE", "NEW.body := clock_timestamp()::text;");
        var log = new LogLines<BackgroundEngine>();
        using var background = new BackgroundEngine(Engine.Get<InProcessEngine>(), Engine.Get<Redaction>(), TimeProvider.System, log);

        await Engine.Get<RunScheduler>().StartDue(background, default);
        await log.Wait(2);

        Assert.Equal([LogLevel.Information, LogLevel.Warning], log.Levels);
        Assert.Contains("(stamp)", log.All[1].Line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task M2_what_a_trigger_makes_pending_again_wakes_no_server_at_once()
    {
        await Create("stamp", "BEFORE UPDATE", "NEW.body := clock_timestamp()::text;");
        var (desk, engine) = (Engine.Get<RunScheduler>(), new RecordingEngine());
        await Engine.Run();

        Assert.Equal(TriggerResult.Busy, await desk.Wake(engine, Engine.Get<CorpusSet>().Get("workspace"), default));
        await Database.Execute("UPDATE embedding.jobs SET completed_at = now() - interval '16 minutes'");
        Assert.Equal(TriggerResult.Recorded, await desk.Wake(engine, Engine.Get<CorpusSet>().Get("workspace"), default));
    }

    // By another transaction than the run's own, as an application does it.
    [Fact]
    public async Task An_item_that_is_edited_while_its_run_goes_on_is_taken_again()
    {
        var isEdited = false;

        var outcome = await Engine.Run(progress: progress =>
        {
            if (progress.Counts.Embedded > 0 && !isEdited)
            {
                isEdited = true;
                Database.Execute("UPDATE issues SET title = 'edited' WHERE title = 'item 20'").GetAwaiter().GetResult();
            }
        });

        Assert.Equal((21, null), (outcome.Counts.Embedded, outcome.Error));
        Assert.Equal(0, await Workspace.Pending());
    }

    private Task<long> InState(string state) => Database.Ask<long>("SELECT count(*) FROM issues WHERE embedding_state = $1", state);

    private Task Create(string trigger, string when, string body) => Database.Execute(
        $"""
        CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
        CREATE TRIGGER {trigger} {when} ON issues FOR EACH ROW EXECUTE FUNCTION {trigger}();
        """);
}
