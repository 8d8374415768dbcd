using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>What may become of a batch: every item ends embedded, pending, or failed with the reason.</summary>
public sealed class LaneFaultTests : LaneTest
{
    private const int Items = 30;
    private const int Lines = Items / InputsPerLine;

    private protected override int QueuedTokens => _queuedTokens;

    private int _queuedTokens = 3_000_000;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Workspace.Items(await Workspace.Repository(), Items);
    }

    [Fact]
    public async Task An_expired_batch_is_paid_as_far_as_it_came_and_the_rest_is_sent_again()
    {
        Fake.Batches.Script = number => new() { ExpiresAfter = number == 1 ? 2 : null };

        var run = await Run();

        Assert.Equal(("completed", Items), (run.Status, run.ItemsProcessed));
        Assert.Equal((Items, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        Assert.Equal([Items, Items - (2 * InputsPerLine)], Fake.Batches.All.Select(batch => batch.InputCount));
        await AssertWhole();
    }

    [Fact]
    public async Task A_batch_that_expires_with_nothing_done_ends_the_run_and_leaves_its_items_pending()
    {
        Fake.Batches.Script = _ => new() { ExpiresAfter = 0 };

        var run = await Run();

        Assert.Equal("failed", run.Status);
        Assert.Contains("within its 24 hours", run.Error, StringComparison.Ordinal);
        await AssertPending();
    }

    [Fact]
    public async Task All_lines_that_fail_through_no_fault_of_theirs_end_the_run_with_the_reason()
    {
        Fake.Batches.Script = _ => new() { AllFailWith = 404 };

        var run = await Run();

        Assert.Null(Fake.Batches.All.Single().OutputFile);
        Assert.Equal("failed", run.Status);
        Assert.Contains("404 (model_not_found)", run.Error, StringComparison.Ordinal);
        await AssertPending();
    }

    [Fact]
    public async Task A_bad_input_fails_its_line_then_alone_and_its_neighbours_are_embedded()
    {
        var bad = await Workspace.Item(await Workspace.Repository("acme/bad"), "poison");
        Fake.Batches.Script = _ => new() { IsBadInput = text => text.Contains("poison", StringComparison.Ordinal) };

        for (var attempt = 0; attempt < 3; attempt++)
        {
            await EndWait();
            await Run();
        }

        Assert.Equal(Items, await Workspace.Embedded());
        Assert.Equal(
            [bad], (await Database.Rows("SELECT item_id FROM embedding.failures WHERE is_dead")).Select(row => (string)row[0]!));
        Assert.Equal(1, await Count("embedding.failures"));
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task Lines_without_a_readable_answer_fail_for_now_with_the_reason()
    {
        Fake.Batches.Script = number => number > 1 ? new() : new() { IsMissing = line => line == 1, IsTorn = line => line == 3 };

        var run = await Run();

        Assert.Equal((Items - (2 * InputsPerLine), 2 * InputsPerLine), (run.ItemsProcessed, run.ItemsFailed));
        Assert.Equal(
            2 * InputsPerLine, await Count("embedding.failures WHERE NOT is_dead AND reason LIKE '%no readable answer%'"));
        await EndWait();
        Assert.Equal(2 * InputsPerLine, (await Run()).ItemsProcessed);
        await AssertWhole();
    }

    [Fact]
    public async Task Lines_that_come_twice_or_that_were_never_sent_count_once_or_not_at_all()
    {
        Fake.Batches.Script = _ => new() { IsTwice = _ => true, HasStrangers = true };

        var run = await Run();

        Assert.Equal(("completed", Items, 0), (run.Status, run.ItemsProcessed, run.ItemsFailed));
        Assert.Equal(Fake.Batches.All.Single().Tokens, await Database.Ask<long>("SELECT sum(tokens)::bigint FROM embedding.batches"));
        await AssertWhole();
    }

    [Fact]
    public async Task A_refused_batch_fails_the_line_that_is_to_blame_and_ends_the_run()
    {
        Fake.Batches.Script = _ => new() { Refusals = [("invalid_json_line", "This line is no JSON.", 2)] };

        var run = await Run();

        Assert.Equal("failed", run.Status);
        Assert.Contains("This line is no JSON. (invalid_json_line)", run.Error, StringComparison.Ordinal);
        Assert.Equal(InputsPerLine, await Count("embedding.failures WHERE reason LIKE '%invalid_json_line%'"));
        Assert.Equal((0, Items), (await Workspace.Embedded(), await Workspace.Pending()));
        Assert.Equal((0, 0), (await Count("embedding.lane_items"), Fake.Batches.FileCount));
    }

    [Fact]
    public async Task A_full_queue_is_learnt_and_waited_for()
    {
        Fake.Batches.Duration = TimeSpan.FromHours(1);
        Fake.Batches.QueueLimit = 100;
        var run = await Begin();
        for (var steps = 0; await Step() && steps < 60; steps++)
        {
            Clock.Advance(TimeSpan.FromMinutes(20));
        }

        var ended = (await Engine.Get<RunHistory>().Find(run, default))!.Run;
        Assert.Equal(("completed", Items, null), (ended.Status, ended.ItemsProcessed, ended.Error));
        Assert.Contains(Fake.Batches.All, batch => batch.Status == "failed");
        Assert.Equal((Items, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        await AssertWhole();
    }

    [Fact]
    public async Task Batches_stay_within_the_queued_tokens_that_are_set()
    {
        _queuedTokens = 100;
        Fake.Batches.QueueLimit = _queuedTokens;
        await using var engine = NewEngine();

        var run = await Finish(await Begin(engine), engine);

        Assert.Equal(("completed", Items), (run.Status, run.ItemsProcessed));
        Assert.All(Fake.Batches.All, batch => Assert.Equal("completed", batch.Status));
        Assert.InRange(Fake.Batches.All.Count, 2, Lines + 1);
    }

    [Fact]
    public async Task An_outage_of_the_interface_is_waited_for()
    {
        var refused = 0;
        Fake.Batches.Refuse = path => path == "POST /v1/batches" && refused++ == 0 ? 503 : null;
        var run = await Begin();

        await Assert.ThrowsAsync<ProviderException>(() => Step());
        var ended = await Finish(run);

        Assert.Equal(("completed", Items), (ended.Status, ended.ItemsProcessed));
        Assert.Equal(0, Fake.DuplicatePaidInputs);
        await AssertWhole();
    }

    [Fact]
    public async Task A_refused_key_ends_the_run_and_is_not_repeated_in_its_error()
    {
        Fake.Batches.Refuse = path => path == "POST /v1/files" ? 401 : null;

        var run = await Run();

        Assert.Equal("failed", run.Status);
        Assert.Contains("401", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Fake.ApiKey, run.Error, StringComparison.Ordinal);
        await AssertPending();
    }

    private static Task<Guid> Begin(TestEngine engine) =>
        engine.Get<LaneRuns>().Begin(new RunRequest("workspace", []), default);

    private async Task AssertPending()
    {
        Assert.Equal((0, Items), (await Workspace.Embedded(), await Workspace.Pending()));
        Assert.Equal(0, await Count("embedding.claims"));
        Assert.Equal(0, Fake.Batches.FileCount);
    }
}
