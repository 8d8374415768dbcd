using System.Text.Json.Nodes;
using EmbeddingFunctions.Cli.Tests.Search;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>Rows that failed and wait for another try are never shown as if all was well.</summary>
public sealed class DashboardRetryTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Rows_retried_in_a_paused_corpus_wait_and_are_said_to()
    {
        await Send(HttpMethod.Post, "corpora/workspace/pause");
        var (page, faults) = await workspace.Open(chromium);
        // Pushed with the counts, which a busy machine takes the less often.
        await Expect(Tile(page, "Worker")).ToContainTextAsync("Paused", new() { Timeout = 150_000 });
        await page.ClickAsync("nav a[href='#/failures']");

        await page.GetByRole(AriaRole.Button, new() { Name = "Retry all" }).ClickAsync();

        await Expect(page.Locator("#said")).ToHaveTextAsync(
            $"{Poisoned} rows wait for their try: the next run takes them. workspace is paused.");
        await Expect(page.Locator("main")).ToContainTextAsync("listed here only if it fails again");
        await page.ReloadAsync();
        await Expect(page.Locator("main")).ToContainTextAsync($"No failure is listed; {Poisoned} rows wait for their try.");

        await page.ClickAsync("nav a[href='#/runs']");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start a run" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume workspace" }).ClickAsync();
        await Expect(page.Locator("dialog .notice")).ToHaveCountAsync(0);
        Assert.Equal(0, await workspace.Database.Ask<long>("SELECT count(*) FROM embedding.pauses"));
        Assert.Empty(faults);
    }

    [Fact]
    public async Task Rows_that_wait_for_another_try_are_counted_as_failed_and_not_as_waiting()
    {
        var page = await chromium.Open(1_000);
        var overview = JsonNode.Parse(await Send(HttpMethod.Get, "overview"))!;
        overview["corpora"] = JsonNode.Parse(
            """
            [{"corpus": "workspace", "kinds": [{"kind": "issue", "table": "issues", "total": 10, "embedded": 4, "empty": 0, "pending": 5,
              "retrying": 3, "failed": 1, "ignored": 0, "asked": 0, "coverage": 40}]}]
            """);
        await page.RouteAsync("**/api/events", route => route.AbortAsync());
        var answer = new RouteFulfillOptions { ContentType = "application/json", Body = overview.ToJsonString() };
        await page.RouteAsync("**/api/overview", route => route.FulfillAsync(answer));

        await SignIn(page, $"{workspace.Server.Address}/embeddings");

        await Expect(Tile(page, "Failed").Locator(".value")).ToHaveTextAsync("4");
        await Expect(Tile(page, "Failed")).ToContainTextAsync("3 of them are tried again by the next run");
        await Expect(Tile(page, "Waiting").Locator(".value")).ToHaveTextAsync("2");
        await Expect(page.Locator(".headline")).ToHaveTextAsync("40 % embedded: 4 of 10 rows. 2 wait. 4 failed.");
    }

    private async Task<string> Send(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, $"/api/embeddings/{path}");
        request.Headers.Add("x-functions-key", Key);
        using var response = await workspace.Server.Send(request);
        Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}");
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task SignIn(IPage page, string address)
    {
        await page.GotoAsync(address);
        await page.FillAsync("#key", Key);
        await page.Keyboard.PressAsync("Enter");
    }

    private static ILocator Tile(IPage page, string name) =>
        page.Locator(".tile", new() { Has = page.Locator("h2", new() { HasTextString = name }) });

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}
