using EmbeddingFunctions.Cli.Tests.Search;
using EmbeddingFunctions.Testing;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>Runs that are watched, started and cancelled in the dashboard.</summary>
public sealed class DashboardRunTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    [Fact]
    public async Task An_edit_and_a_run_show_without_anyone_reloading()
    {
        var (page, _) = await workspace.Open(chromium);
        await Expect(page.Locator(".headline")).ToContainTextAsync("embedded");
        using var held = workspace.Fake.Hold();
        await workspace.AllowStarts();
        await workspace.Workspace.Items(workspace.Repository, 5, "discussions", "new");
        await Expect(Tile(page, "Waiting").Locator(".value")).ToHaveTextAsync("5");

        var run = await AskForARun();

        await Expect(page.Locator(".running")).ToContainTextAsync("0 of 5");
        await Expect(Tile(page, "Worker")).ToContainTextAsync("Working");
        held.Release();
        await Expect(page.Locator("section", new() { HasText = "No run is under way." })).ToBeVisibleAsync();
        await Expect(Tile(page, "Waiting").Locator(".value")).ToHaveTextAsync("0");
        await page.GotoAsync($"{workspace.Server.Address}/embeddings#/runs/{run}");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Run over workspace");
        await Expect(page.Locator("main")).ToContainTextAsync("5 of 5 rows");
        await Expect(page.Locator("main")).ToContainTextAsync("Every request of this run was answered at the first try.");
    }

    [Fact]
    public async Task A_run_is_predicted_started_followed_and_cancelled_by_keyboard_alone()
    {
        var (page, faults) = await workspace.Open(chromium, "runs");
        await workspace.AllowStarts();
        using var held = workspace.Fake.Hold();
        await page.GetByRole(AriaRole.Button, new() { Name = "Start a run" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("dialog")).ToBeVisibleAsync();
        await page.CheckAsync("dialog input[type=checkbox] >> nth=-1");
        await page.GetByRole(AriaRole.Button, new() { Name = "Predict" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".prediction")).ToContainTextAsync("Texts to embed1");
        await Expect(page.Locator(".prediction")).ToContainTextAsync("$0.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).FocusAsync();

        await page.Keyboard.PressAsync("Enter");

        await Expect(page.Locator("h1")).ToHaveTextAsync("Run over workspace");
        await Expect(page.Locator("h1")).ToBeFocusedAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel the run" }).ClickAsync();
        await Expect(page.Locator("dialog").GetByRole(AriaRole.Button, new() { Name = "Keep it running" })).ToBeVisibleAsync();
        await page.Locator("dialog").GetByRole(AriaRole.Button, new() { Name = "Cancel the run" }).ClickAsync();
        held.Release();
        await Expect(page.Locator("main .chip").First).ToContainTextAsync("cancelled");
        Assert.Empty(faults);
    }

    [Fact]
    public async Task Runs_older_than_the_newest_fifty_are_a_button_away()
    {
        await workspace.Database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, host, status, items_total, items_processed, created_at, started_at, completed_at)
            SELECT gen_random_uuid(), 'workspace', ARRAY[]::text[], 'command', 'completed', 1, n, at, at, at
            FROM   generate_series(1, 60) n, LATERAL (SELECT now() - n * interval '1 day' AS at) t
            """);
        var (page, faults) = await workspace.Open(chromium, "runs");
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(50);

        await page.GetByRole(AriaRole.Button, new() { Name = "Older runs" }).ClickAsync();

        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Older runs" })).ToBeVisibleAsync();
        await Expect(page.Locator("tbody tr").Last).ToContainTextAsync("60 / 1");
        await page.GetByRole(AriaRole.Button, new() { Name = "Newest runs" }).ClickAsync();
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(50);
        Assert.Empty(faults);
    }

    [Fact]
    public async Task What_a_run_waited_for_and_what_was_refused_is_seen_when_it_is_over()
    {
        using var script = workspace.Fake.Script(
            Requests.Number(workspace.Fake.RequestCount + 1), Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(2)));
        await workspace.AllowStarts();
        await workspace.Workspace.Items(workspace.Repository, 3, "discussions", "late");
        await AskForARun();
        var (page, faults) = await workspace.Open(chromium);
        await Expect(page.Locator("section", new() { HasText = "No run is under way." })).ToBeVisibleAsync();
        await Expect(Tile(page, "Waiting").Locator(".value")).ToHaveTextAsync("0");

        await Show("SELECT run_id FROM embedding.waits");
        await Expect(page.Locator("tr", new() { HasText = "For the provider" })).ToContainTextAsync("429");
        await Expect(page.Locator("main")).ToContainTextAsync("completed");

        // The first run met texts that the provider refuses.
        await Show("SELECT id FROM embedding.jobs WHERE items_failed > 0");
        await Expect(page.Locator("tr", new() { HasText = "refused while halving" }).First).ToBeVisibleAsync();
        await Expect(page.Locator("main")).ToContainTextAsync("None of a second or longer.");
        await DashboardWorkspace.AssertAccessible(page);
        Assert.Empty(faults);

        async Task Show(string which)
        {
            var run = Guid.Empty;
            for (var i = 0; i < 300 && run == Guid.Empty; i++)
            {
                run = await workspace.Database.Ask<Guid>(which);
                await Task.Delay(100);
            }

            await page.GotoAsync($"{workspace.Server.Address}/embeddings#/runs/{run}");
            await Expect(page.Locator("main")).ToContainTextAsync("Phases");
        }
    }

    private async Task<Guid> AskForARun()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/embeddings/compute");
        request.Headers.Add("x-functions-key", Key);
        request.Content = new StringContent("{}");
        using var response = await workspace.Server.Send(request);
        return Guid.Parse(response.Headers.Location!.ToString().Split('/')[^1]);
    }

    private static ILocator Tile(IPage page, string name) =>
        page.Locator(".tile", new() { Has = page.Locator("h2", new() { HasTextString = name }) });

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}
