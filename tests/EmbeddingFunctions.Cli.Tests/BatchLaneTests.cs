namespace EmbeddingFunctions.Cli.Tests;

public sealed class BatchLaneTests : ProgramTest
{
    private const int Items = 40;

    [Fact]
    public async Task A_backfill_on_the_batch_lane_embeds_all_at_half_the_price()
    {
        await Fill();

        var result = (await Lane()).Exits(0);

        Assert.Equal(("completed", Items), (result.Text("status"), result.Number("embedded")));
        Assert.Equal(
            result.Json.GetProperty("tokens").GetInt64() * 0.01m / 1_000_000, result.Json.GetProperty("dollars").GetDecimal());
        Assert.Equal((0, Items), (Fake.RequestCount, Fake.PaidInputCount));
        await AssertWhole();
    }

    [Fact]
    public async Task A_dry_run_shows_the_price_and_the_time_of_both_lanes()
    {
        await Fill();

        var predicted = (await Program.Set("EMBEDDING_BATCH_API", "true").Set("EMBEDDING_BATCH_QUEUED_TOKENS", "100")
            .Run("backfill", "workspace", "--dry-run", "--json")).Exits(0);

        var lane = predicted.Json.GetProperty("batchLane");
        Assert.Equal(predicted.Json.GetProperty("dollars").GetDecimal() / 2, lane.GetProperty("dollars").GetDecimal());
        Assert.Equal(24 * ((predicted.Number("tokens") + 99) / 100), lane.GetProperty("maxHours").GetInt32());
        Assert.Contains(
            "With --lane batch:", (await Program.Run("backfill", "workspace", "--dry-run")).Exits(0).Out, StringComparison.Ordinal);
        Assert.Empty(Fake.Batches.All);
    }

    [Theory]
    [InlineData("EMBEDDING_PROVIDER", "lexical", "the provider is lexical")]
    [InlineData("EMBEDDING_BATCH_API", "false", "set EMBEDDING_BATCH_API=true")]
    [InlineData("AZURE_OPENAI_ENDPOINT", "https://resource.openai.azure.com", "Azure OpenAI takes no embeddings in batches")]
    public async Task Where_there_is_no_batch_lane_the_command_says_what_to_do_instead(string setting, string value, string words)
    {
        if (setting.StartsWith("AZURE", StringComparison.Ordinal))
        {
            Program.Set("OPENAI_BASE_URL", "");
        }

        var refused = await Program.Set(setting, value).Run("backfill", "workspace", "--lane", "batch");

        refused.Exits(2).Says(words).Says("leave --lane out");
        Assert.Empty(Fake.Batches.All);
    }

    [Fact]
    public async Task Options_that_do_not_fit_the_lane_are_refused()
    {
        (await Program.Run("backfill", "workspace", "--cancel")).Exits(2).Says("give --lane batch too");
        (await Program.Run("backfill", "workspace", "--lane", "batch", "--iterations", "2")).Exits(2).Says("leave --iterations out");
    }

    [Fact]
    public async Task An_interrupted_command_leaves_its_run_to_a_host_which_goes_on_with_it()
    {
        await Fill();
        Fake.Batches.Duration = TimeSpan.FromHours(1);
        await using (var running = Start())
        {
            await running.Says("on the provider's batch lane");
            await Interrupt(running, Running.SigInt);
        }

        Assert.Equal("processing", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
        (await Program.Run("status", "workspace")).Exits(0);
        Fake.Batches.Duration = TimeSpan.Zero;
        await AsIfServed();
        await using var host = await Server.Start(Program);
        await Waiting.Until(
            async () => await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE host = 'batch' AND status = 'completed'") == 1);
        await AssertWhole();
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task A_run_is_cancelled_and_its_items_are_pending()
    {
        await Fill();
        Fake.Batches.Duration = TimeSpan.FromHours(1);
        await using (var running = Start())
        {
            await running.Says("on the provider's batch lane");
            await Interrupt(running, Running.SigTerm);
        }

        var cancelled = (await Program.Run("backfill", "workspace", "--lane", "batch", "--cancel", "--json")).Exits(0);

        Assert.Equal("cancelled", cancelled.Text("status"));
        Assert.Equal("cancelled", Fake.Batches.All.Single().Status);
        Assert.Equal((Items, 0), (await Workspace.Pending(), await Claims()));
        (await Program.Run("backfill", "workspace", "--lane", "batch", "--cancel")).Exits(0);
    }

    [Fact]
    public async Task Killed_before_a_batch_is_created_the_next_command_creates_it_of_the_file_that_was_sent()
    {
        await Fill();
        var reached = Stop(gate => Fake.Batches.BeforeCreate = gate);
        await KillAt(reached);
        Fake.Batches.BeforeCreate = () => Task.CompletedTask;

        await Resume();

        Assert.Single(Fake.Batches.All);
    }

    [Fact]
    public async Task Killed_before_a_created_batch_is_noted_the_next_command_finds_it_again()
    {
        await Fill();
        var reached = Stop(gate => Fake.Batches.AfterCreate = gate);
        await KillAt(reached);
        Fake.Batches.AfterCreate = () => Task.CompletedTask;

        await Resume();

        Assert.Single(Fake.Batches.All);
    }

    [Fact]
    public async Task Killed_in_the_middle_of_a_download_the_next_command_takes_the_rest()
    {
        await Fill();
        var reached = Stop(gate => Fake.Batches.MidDownload = gate);
        await KillAt(reached);
        Fake.Batches.MidDownload = () => Task.CompletedTask;

        await Resume();

        Assert.Single(Fake.Batches.All);
    }

    [Fact]
    public async Task Killed_while_it_writes_the_next_command_writes_the_rest()
    {
        await Fill();
        await using (var other = await Database.Source.OpenConnectionAsync())
        await using (var transaction = await other.BeginTransactionAsync())
        {
            await using var running = Start();
            await Waiting.Until(() => Task.FromResult(Fake.Batches.All.Count == 1));
            await using var claim = new Npgsql.NpgsqlCommand("LOCK TABLE issues IN EXCLUSIVE MODE", other, transaction);
            await claim.ExecuteNonQueryAsync();
            await Task.Delay(TimeSpan.FromSeconds(2));
            await running.Kill();
        }

        await Resume();

        Assert.Single(Fake.Batches.All);
    }

    private static Task Stop(Action<Func<Task>> set)
    {
        var (reached, never) = (new TaskCompletionSource(), new TaskCompletionSource());
        set(() =>
        {
            reached.TrySetResult();
            return never.Task;
        });
        return reached.Task;
    }

    private async Task KillAt(Task reached)
    {
        await using var running = Start();
        await reached.WaitAsync(Running.Patience);
        await running.Kill();
    }

    // As if the minute of its lease and the half minute of its claims had passed.
    private async Task Resume()
    {
        await ForgetTheDead();
        await AllowStarts();
        await Database.Execute("UPDATE embedding.lane_runs SET next_at = now()");
        (await Lane()).Exits(0).Says("Going on with run");
        await AssertWhole();
        Assert.Equal((Items, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        Assert.Equal(0, Fake.Batches.FileCount);
        Assert.Equal(
            Items, await Database.Ask<int>("SELECT items_processed FROM embedding.jobs WHERE host = 'batch' AND status = 'completed'"));
    }

    private async Task Fill() => await Workspace.Items(await Workspace.Repository(), Items);

    private Running Start() => Program.Set("EMBEDDING_BATCH_API", "true").Start("backfill", "workspace", "--lane", "batch");

    private Task<Result> Lane() => Program.Set("EMBEDDING_BATCH_API", "true").Run("backfill", "workspace", "--lane", "batch", "--json");
}
