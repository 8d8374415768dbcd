using EmbeddingFunctions.Cli.Tests.Search;
using EmbeddingFunctions.Testing;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>The dashboard of <c>serve</c>, in a real browser.</summary>
public sealed class DashboardPageTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Now_says_what_is_embedded_what_failed_who_works_and_what_it_cost()
    {
        var (page, faults) = await workspace.Open(chromium);

        await Expect(page.Locator(".headline")).ToContainTextAsync($"{Poisoned} failed");
        await Expect(page.Locator(".headline")).ToContainTextAsync("150 of 154 rows");
        await Expect(Tile(page, "Worker")).ToContainTextAsync("Ready");
        await Expect(Tile(page, "Failed")).ToContainTextAsync($"{Poisoned}");
        await Expect(Tile(page, "Provider")).ToContainTextAsync("Open");
        await Expect(Tile(page, "Spent today")).ToContainTextAsync("$0.");
        await Expect(page.Locator("tr", new() { HasText = "pull_request" })).ToContainTextAsync("100 %");
        await Expect(page.Locator(".link")).ToHaveTextAsync("live");
        Assert.Equal("Now – Embeddings", await page.TitleAsync());
        Assert.Empty(faults);
    }

    [Fact]
    public async Task A_corpus_is_explained_paused_resumed_and_audited()
    {
        var (page, faults) = await workspace.Open(chromium, "corpora");
        var corpus = page.Locator("#corpus-workspace");
        await Expect(corpus).ToContainTextAsync("[ISSUE] {title} {body}");
        await Expect(corpus).ToContainTextAsync("text-embedding-3-small");

        await corpus.GetByRole(AriaRole.Button, new() { Name = "Pause workspace" }).ClickAsync();
        await Expect(corpus.Locator(".card-head")).ToContainTextAsync("paused");
        Assert.Equal(1, await workspace.Database.Ask<long>("SELECT count(*) FROM embedding.pauses"));
        await corpus.GetByRole(AriaRole.Button, new() { Name = "Resume workspace" }).ClickAsync();
        await Expect(corpus.GetByRole(AriaRole.Button, new() { Name = "Pause workspace" })).ToBeVisibleAsync();

        await corpus.GetByRole(AriaRole.Button, new() { Name = "Audit workspace" }).ClickAsync();
        await Expect(corpus.Locator("[role=status]")).ToContainTextAsync("All is as it should be.");
        Assert.Empty(faults);
    }

    [Theory]
    [InlineData(1_000, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    public async Task Every_page_fits_a_phone_and_a_desk_by_day_and_by_night_and_a_screen_reader(int width, ColorScheme scheme)
    {
        var page = await chromium.Open(width, scheme);
        await page.GotoAsync($"{workspace.Server.Address}/embeddings");
        await Expect(page.Locator("#key")).ToBeFocusedAsync();
        await AssertAccessible(page);
        (page, var faults) = await workspace.Open(chromium, "", Key, width, scheme);
        foreach (var (route, shows) in new[]
        {
            ("", "What is embedded"), ("runs", "Newest runs"), ("corpora", "Index for search"), ("failures", "rows failed"),
            ("trends", "Vectors"),
        })
        {
            if (route.Length > 0)
            {
                await page.ClickAsync($"nav a[href='#/{route}']");
            }

            await Expect(page.Locator("main")).ToContainTextAsync(shows);
            await Expect(page.Locator("h1")).ToBeFocusedAsync();

            await AssertAccessible(page);

            Assert.Equal((route, width), (route, await page.EvaluateAsync<int>("document.documentElement.scrollWidth")));
            await Shoot(page, route.Length == 0 ? "now" : route, width);
        }

        await page.ClickAsync("nav a[href='#/runs']");
        await page.Locator("tbody a").First.ClickAsync();
        await Expect(page.Locator("main")).ToContainTextAsync("Phases");
        await AssertAccessible(page);
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await Shoot(page, "run", width);
        Assert.Empty(faults);
    }

    [Fact]
    public async Task A_keyboard_reaches_the_content_at_once()
    {
        var (page, _) = await workspace.Open(chromium);
        await page.ReloadAsync();
        await Expect(page.Locator("h1")).ToBeVisibleAsync();
        await page.Locator("body").PressAsync("Shift+Tab");
        await page.Locator(".skip").FocusAsync();
        await page.Keyboard.PressAsync("Enter");

        await Expect(page.Locator("h1")).ToBeFocusedAsync();
        Assert.Equal("Now", await page.Locator("nav a[aria-current=page]").TextContentAsync());
    }

    [Fact]
    public async Task An_empty_database_explains_what_to_do_next()
    {
        await using var empty = await TestDatabase.Empty();
        await using var server = await Server.Start(new Program(empty, workspace.Fake), "--no-key");
        var page = await chromium.Open();
        await page.GotoAsync($"{server.Address}/embeddings");

        await Expect(page.Locator("main")).ToContainTextAsync("Nothing is embedded here yet");
        await Expect(page.Locator("main")).ToContainTextAsync("embeddings migrate workspace");
        await AssertAccessible(page);
        foreach (var route in new[] { "runs", "failures", "trends", "corpora" })
        {
            await page.ClickAsync($"nav a[href='#/{route}']");
            await Expect(page.Locator("main")).ToContainTextAsync("embeddings migrate");
        }
    }

    // For the documentation: only when asked for.
    private static async Task Shoot(IPage page, string name, int width)
    {
        var folder = Environment.GetEnvironmentVariable("WRITE_SCREENSHOTS") is "1"
            ? Path.Combine(Repository.Root, "docs", "images") : Path.Combine(Repository.Root, "artifacts", "dashboard-pages");
        Directory.CreateDirectory(folder);
        await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"dashboard-{name}-{width}.png"), FullPage = true });
    }

    private static ILocator Tile(IPage page, string name) =>
        page.Locator(".tile", new() { Has = page.Locator("h2", new() { HasTextString = name }) });

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}
