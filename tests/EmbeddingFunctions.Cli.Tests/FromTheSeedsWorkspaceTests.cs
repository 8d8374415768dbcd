using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>
/// What people typed at the workspace functions' scripts and read from them, as docs/coming-from-another-system.md says it.
/// </summary>
public sealed class FromTheSeedsWorkspaceTests : ProgramTest
{
    private const string WorkspaceRepositories =
        """
        WITH workspace_repos AS (
          SELECT DISTINCT repository_id
          FROM workspace_repositories wr
          JOIN workspaces w ON wr.workspace_id = w.id
          WHERE w.is_active = true
        )
        SELECT repository_id FROM workspace_repos
        """;

    [Fact]
    public async Task The_fast_backfill_is_a_hundred_iterations_five_seconds_apart_and_ends_when_nothing_is_pending()
    {
        await Workspace.Items(await Workspace.Repository(), 250);

        var result = (await Program.Run("backfill", "workspace", "--iterations", "100", "--delay", "5s")).Exits(0);

        Assert.Contains(
            "Runs:               3 (3 succeeded, 0 failed)\nTotal:              250 items\nProcessed:          250 (100.0% of 250)\n",
            result.Out, StringComparison.Ordinal);
        Assert.True(result.Duration > TimeSpan.FromSeconds(10), "It waits between iterations.");
        Assert.Equal([0, 50, 200], (await Database.Rows("SELECT items_processed FROM embedding.jobs ORDER BY 1")).Select(row => row[0]));
    }

    [Theory]
    [InlineData("--iterations 50 --delay 15s")]
    [InlineData("--iterations 100 --delay 15s")]
    [InlineData("--iterations 100 --delay 15")]
    public async Task With_nothing_pending_no_iteration_is_waited_for(string options)
    {
        var result = (await Program.Run(["backfill", "workspace", .. options.Split(' ')])).Exits(0);

        Assert.Contains("Result:             Nothing to do", result.Out, StringComparison.Ordinal);
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task Every_ten_iterations_it_tells_how_many_succeeded_and_failed_and_the_items_done()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 11);
        await Workspace.Item(repository, "poison");
        _ = Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());
        var file = await ManyStarts();

        var result = (await Program.Run("backfill", "workspace", "--iterations", "12", "--page-size", "1")).Exits(1)
            .Says("Iterations: 10/12, succeeded: 9, failed: 1, items: 9\n");

        Assert.Contains(
            "Result:             Failed\nRuns:               12 (11 succeeded, 1 failed)\nTotal:              12 items\nProcessed:        "
                + "  11 (91.6% of 12)\n",
            result.Out, StringComparison.Ordinal);
        File.Delete(file);
    }

    [Fact]
    public async Task What_the_estimates_guessed_is_predicted_from_the_texts()
    {
        await Workspace.Items(await Workspace.Repository(), 2_000);

        var predicted = (await Backfill("--dry-run")).Exits(0);

        Assert.Equal((2_000, 100), (predicted.Number("items"), predicted.Number("requests")));
        Assert.Equal(predicted.Number("tokens") * 0.02m / 1_000_000, predicted.Json.GetProperty("dollars").GetDecimal());
        Assert.Equal(1_200, (await Backfill("--dry-run", "--limit", "1200")).Exits(0).Number("items"));
    }

    [Fact]
    public async Task The_trigger_script_is_trigger_and_no_Inngest_key_is_looked_at()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await AsIfServed();
        await using var server = await Server.Start(
            Program.Set("INNGEST_PRODUCTION_EVENT_KEY", "your-key").Set("INNGEST_EVENT_KEY", "your-key"));

        var result = (await Program.Run("trigger", "workspace", "--url", server.Address, "--wait")).Exits(0);

        Assert.Matches("^completed: 5 of 5 items, 0 failed", result.Out);
        Assert.Equal(5, await Workspace.Embedded());
        (await Program.Run("trigger", "workspace", "--url", "http://127.0.0.1:1")).Exits(1).Says("embeddings serve");
    }

    [Fact]
    public async Task The_status_script_s_table_has_its_figures()
    {
        var repository = await Workspace.Repository();
        foreach (
            var (table, kind, total, embedded) in new[]
            {
                ("issues", "issue", 1_383, 537),
                ("pull_requests", "pull_request", 126_863, 92),
                ("discussions", "discussion", 202, 173)
            })
        {
            await Workspace.Items(repository, total, table);
            await Embed(table, kind, embedded);
        }

        var status = (await Program.Run("status")).Exits(0).Out;

        Assert.Matches(@"\nItem Type +Total +With Embeddings +Coverage % +Pending +Empty +Failed +Last Hour\n", status);
        Assert.Matches(@"\nissues +1,383 +537 +38\.83% +846 ", status);
        Assert.Matches(@"\npull_requests +126,863 +92 +0\.07% +126,771 ", status);
        Assert.Matches(@"\ndiscussions +202 +173 +85\.64% +29 ", status);
    }

    [Fact]
    public async Task Status_tells_what_was_embedded_in_the_last_hour_and_when_the_last_was()
    {
        await Workspace.Items(await Workspace.Repository(), 7);
        (await Backfill()).Exits(0);
        // Looked at once more and found unchanged: no vector was made.
        await Database.Execute("UPDATE issues SET updated_at = now() + interval '1 hour'");
        (await Backfill()).Exits(0);

        var status = (await Program.Run("status")).Exits(0).Out;
        Assert.Matches(@"\nissues +7 +7 +100\.00% +0 +0 +0 +7\n", status);
        Assert.Matches(@"\nEmbedded in the last hour: 7, the latest at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", status);

        await Database.Execute("UPDATE embedding.batches SET finished_at = finished_at - interval '61 minutes'");
        Assert.Contains(
            "Embedded in the last hour: 0, the latest at", (await Program.Run("status")).Exits(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_by_their_old_names_are_not_read_and_it_says_which_to_set()
    {
        var program = new Program(Path.GetTempPath()).Set("DATABASE_URL", Database.ConnectionString)
            .Set("EMBEDDING_API_BASE_URL", Fake.BaseUrl)
            .Set("EMBEDDING_PROVIDER", "")
            .Set("EMBEDDING_SCHEDULER_INTERVAL_MINUTES", "360");
        foreach (
            var name in new[]
            {
                "VITE_OPENAI_API_KEY",
                "VITE_SUPABASE_URL",
                "VITE_SUPABASE_ANON_KEY",
                "SUPABASE_URL",
                "SUPABASE_SERVICE_ROLE_KEY"
            })
        {
            program.Set(name, "https://your-project.supabase.co");
        }

        (await program.Run("status")).Exits(2).Says("Provider: local").Says("neither a key nor a base URL is set");
        (await program.Set("EMBEDDING_PROVIDER", "openai").Run("status")).Exits(2).Says("OPENAI_API_KEY is not set");
        Assert.Equal(0, Fake.RequestCount);
    }

    [Fact]
    public async Task A_failing_run_is_reported_by_status_with_the_provider_s_reason_and_by_doctor()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        _ = Fake.Script(Requests.All, Fault.InsufficientQuota());
        (await Backfill()).Exits(1);

        var status = (await Program.Run("status")).Exits(0).Out;

        Assert.Contains("Provider stopped: ", status, StringComparison.Ordinal);
        Assert.Matches(@"UTC  failed     0 of 5 items: .*insufficient_quota", status);
        (await Program.Run("doctor")).Exits(1);
    }

    [Fact]
    public async Task Only_repositories_of_active_workspaces_are_listed_and_a_workspace_put_to_sleep_is_embedded_no_more()
    {
        var (one, two) = (await Workspace.Repository("acme/one"), await Workspace.Repository("acme/two", isActive: false));
        await Workspace.Items(one, 3);
        await Workspace.Items(two, 4);
        Assert.Equal(one, Assert.Single(await Database.Rows(WorkspaceRepositories))[0]);
        Assert.Equal(3, (await Backfill("--dry-run")).Exits(0).Number("items"));

        await Database.Execute("UPDATE workspaces SET is_active = false");

        Assert.Empty(await Database.Rows(WorkspaceRepositories));
        Assert.Equal((0, 0L), ((await Backfill()).Exits(0).Number("total"), await Workspace.Embedded()));
    }

    // As the engine leaves rows behind that have their vector.
    private Task Embed(string table, string kind, int count) => Database.Execute(
        $"""
        UPDATE {table} SET embedding = array_fill(0.1, ARRAY[384])::vector, embedding_generated_at = now(), content_hash = repeat('a', 64),
               embedding_state = 'embedded', embedding_rule = (SELECT rule FROM embedding.rules WHERE kind = '{kind}')
        WHERE  id IN (SELECT id FROM {table} ORDER BY id LIMIT {count})
        """);

    // Five starts a minute are a rule of their own; with it twelve iterations take a minute and a half.
    private async Task<string> ManyStarts()
    {
        await using var shipped = typeof(CorpusException).Assembly.GetManifestResourceStream("corpora.json")!;
        using var reader = new StreamReader(shipped);
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, (await reader.ReadToEndAsync()).Replace("\"startsPerMinute\": 5", "\"startsPerMinute\": 1000", StringComparison.Ordinal));
        (await Program.Set("CORPORA_FILE", file).Run("migrate", "workspace")).Exits(0);
        return file;
    }
}
