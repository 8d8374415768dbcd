using System.Text.RegularExpressions;
using EmbeddingFunctions.Cli.Tests.Search;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>The page of what failed: why, which rows, and another try by a click.</summary>
public sealed class DashboardFailureTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    [Fact]
    public async Task A_row_is_shown_as_it_is_never_run_and_retried_or_ignored_alone_or_with_its_group()
    {
        await workspace.Database.Execute(
            "UPDATE embedding.claims SET reason = $1 WHERE item_id = (SELECT id::text FROM issues WHERE title LIKE $2)",
            $"{Evil} is no text", "<img%");
        var (page, faults) = await workspace.Open(chromium, "failures");
        await Expect(page.Locator("h2").First).ToHaveTextAsync($"{Poisoned} rows failed");
        await Expect(page.Locator(".groups > li")).ToHaveCountAsync(2);
        var evil = page.Locator(".groups > li", new() { HasText = "is no text" });
        await Expect(evil.Locator("h3")).ToHaveTextAsync($"{Evil} is no text");
        await evil.GetByRole(AriaRole.Button, new() { Name = "Show rows" }).ClickAsync();
        await Expect(evil.Locator(".text")).ToContainTextAsync($"[ISSUE] {Evil} poison");
        Assert.Equal((0, "Failures – Embeddings"), (await page.Locator("main img").CountAsync(), await page.TitleAsync()));
        await AssertAccessible(page);

        // A row of the other group is left alone, and its group tried again.
        var others = page.Locator(".groups > li", new() { HasText = "the provider answered" });
        await others.GetByRole(AriaRole.Button, new() { Name = "Show rows" }).ClickAsync();
        await Expect(others.Locator("tbody tr th")).ToHaveCountAsync(Poisoned - 1);
        await others.Locator("tbody").GetByRole(AriaRole.Button, new() { NameString = "Ignore issue" }).First.ClickAsync();
        await Expect(page.Locator("#said")).ToHaveTextAsync("Ignored until the text changes: 1 row.");
        await Expect(page.Locator("#said")).ToBeFocusedAsync();
        await Expect(page.Locator("h2").First).ToHaveTextAsync($"{Poisoned - 1} rows failed");

        await workspace.AllowStarts();
        using var held = workspace.Fake.Hold();
        await evil.GetByRole(AriaRole.Button, new() { NameString = "Retry 1 row" }).ClickAsync();
        await Expect(page.Locator("#said")).ToHaveTextAsync("1 row is tried again now: follow the run.");
        await Expect(page.Locator("#said a")).ToHaveAttributeAsync("href", new Regex("^#/runs/[0-9a-f-]{36}$"));
        held.Release();
        await Expect(page.Locator("#said")).ToHaveTextAsync("1 row was tried again: the run embedded 1.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Retry all" }).ClickAsync();
        await Expect(page.Locator("#said")).ToContainTextAsync("2 rows");
        await Expect(page.Locator("h2").First).ToHaveTextAsync("1 row is ignored");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Try it again" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Ignore" })).ToHaveCountAsync(0);
        Assert.Empty(faults);

        await workspace.AllowStarts();
        (await workspace.Program().Run("backfill", "workspace")).Exits(0);
        await page.ClickAsync("nav a[href='#/']");
        await Expect(page.Locator(".headline")).ToContainTextAsync("All 153 rows with a text are embedded.");
        await Expect(page.Locator("main")).ToContainTextAsync("all but 1 ignored");
    }

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}
