namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The options that say how much, and of what.</summary>
public sealed class ScopeTests : ProgramTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(19)]
    [InlineData(20)]
    [InlineData(21)]
    public async Task No_more_than_the_limit_is_embedded_newest_first(int limit)
    {
        await Workspace.Items(await Workspace.Repository(), 40);
        var result = (await Backfill("--limit", $"{limit}")).Exits(0);
        Assert.Equal((limit, limit), (result.Number("total"), result.Number("embedded")));
        Assert.Equal(limit, await Database.Ask<long>(
            "SELECT count(*) FROM (SELECT embedding FROM issues ORDER BY updated_at DESC LIMIT $1) newest WHERE embedding IS NOT NULL",
            limit));
    }

    [Fact]
    public async Task Only_the_kinds_named_are_embedded()
    {
        var repository = await Workspace.Repository();
        foreach (var table in new[] { "issues", "pull_requests", "discussions" })
        {
            await Workspace.Items(repository, 5, table);
        }

        Assert.Equal(10, (await Backfill("--kind", "pull_request", "--kind", "discussion")).Exits(0).Number("embedded"));
        Assert.Equal(0, await Workspace.Embedded());
        Assert.Equal(5, (await Backfill("--kind", "issue")).Exits(0).Number("embedded"));
        Assert.Equal(0, await Workspace.Pending());
    }

    [Fact]
    public async Task Only_the_partition_named_is_embedded()
    {
        var one = await Workspace.Repository("acme/one");
        await Workspace.Items(one, 5);
        await Workspace.Items(await Workspace.Repository("acme/two"), 5);
        Assert.Equal(5, (await Backfill("--partition", $"{one}")).Exits(0).Number("embedded"));
        Assert.Equal(5, await Database.Ask<long>("SELECT count(*) FROM issues WHERE repository_id = $1 AND embedding IS NOT NULL", one));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("'; DROP TABLE issues; --")]
    public async Task An_unknown_partition_is_a_mistake_and_no_run(string partition)
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        (await Backfill("--partition", partition)).Exits(2).Says($"'{partition}' is no active partition");
        (await Backfill("--partition", partition, "--dry-run")).Exits(2).Says("workspace_repositories.repository_id");
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task The_repository_of_an_inactive_workspace_is_no_partition()
    {
        var asleep = await Workspace.Repository(isActive: false);
        (await Backfill("--partition", $"{asleep}")).Exits(2).Says("is no active partition");
    }

    [Theory]
    [InlineData("--kind", "wish")]
    [InlineData("--kind", "wish", "--dry-run")]
    public async Task An_unknown_kind_is_a_mistake_and_no_run(params string[] options)
    {
        (await Backfill(options)).Exits(2).Says("no kind 'wish'. It has: issue, pull_request, discussion.");
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task Iterations_are_runs_of_a_page_each()
    {
        await Workspace.Items(await Workspace.Repository(), 50);
        var result = (await Backfill("--iterations", "3", "--delay", "100ms", "--page-size", "10")).Exits(0);
        Assert.Equal((30, 3), (result.Number("embedded"), result.Json.GetProperty("runIds").GetArrayLength()));
        Assert.Equal(
            3, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE status = 'completed' AND items_processed = 10"));
    }

    [Fact]
    public async Task Iterations_stop_early_when_nothing_is_pending()
    {
        await Workspace.Items(await Workspace.Repository(), 15);
        var result = (await Backfill("--iterations", "50", "--delay", "100ms", "--limit", "10")).Exits(0);
        Assert.Equal((15, 3), (result.Number("embedded"), result.Json.GetProperty("runIds").GetArrayLength()));
    }

    [Fact]
    public async Task Iterations_stop_at_a_fault_that_the_next_would_only_meet_again()
    {
        await Workspace.Items(await Workspace.Repository(), 15);
        Program.Set("OPENAI_API_KEY", "sk-wrong-0123456789");
        var result = (await Backfill("--iterations", "50", "--delay", "100ms")).Exits(1);
        Assert.Equal(1, result.Json.GetProperty("runIds").GetArrayLength());
        Assert.Equal(1, Fake.RequestCount);
    }

    [Fact]
    public async Task Sizes_given_take_the_place_of_the_declared_ones()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        Assert.Equal(6, (await Backfill("--batch-size", "5", "--concurrency", "1", "--page-size", "30")).Exits(0).Number("requests"));
        Assert.Equal(1, Fake.MaxInFlight);
        Assert.All(Fake.Requests, request => Assert.Equal(5, request.InputCount));
    }
}
