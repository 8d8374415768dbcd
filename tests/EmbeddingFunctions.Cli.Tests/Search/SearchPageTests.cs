using System.Text.Json;
using Deque.AxeCore.Playwright;
using EmbeddingFunctions.Testing;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Search.SearchedWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>The search page of <c>serve</c>, in a real browser.</summary>
public sealed class SearchPageTests(SearchedWorkspace workspace, Chromium chromium)
    : IClassFixture<SearchedWorkspace>, IClassFixture<Chromium>
{
    private const string Late = "Order confirmation e-mail arrives hours late";
    private const string Evil = "<img src=x onerror=\"document.title='owned'\"> newsletter confetti";

    [Fact]
    public async Task A_person_enters_the_key_once_and_finds_as_one_types_with_the_keyboard_alone()
    {
        var server = workspace.Server;
        var page = await chromium.Open();
        var faults = Listen(page);
        await page.GotoAsync($"{server.Address}/embeddings/search");
        await Expect(page.Locator("#key")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("wrong");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#error")).ToHaveTextAsync("The server does not take this key.");
        await page.Keyboard.TypeAsync(ServerKey);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#query")).ToBeFocusedAsync();

        await page.Keyboard.TypeAsync("order confirmation e-mail");

        var first = page.Locator("#results .open").First;
        await Expect(first).ToHaveTextAsync(Late);
        await Expect(page.Locator("#results li").First).ToContainTextAsync("meaning #1");
        await Expect(page.Locator("#results li").First).ToContainTextAsync("words #");
        await Expect(page.Locator("#status")).ToContainTextAsync("results");
        await Expect(page.Locator("#results mark").First).ToBeVisibleAsync();

        await page.Keyboard.PressAsync("ArrowDown");
        await Expect(first).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowDown");
        await Expect(page.Locator("#results .open").Nth(1)).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowUp");
        await page.Keyboard.PressAsync("Enter");
        await Expect(first).ToHaveAttributeAsync("aria-expanded", "true");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#status")).ToContainTextAsync($"Like “{Late}”:");
        await Expect(page.Locator("#results")).Not.ToContainTextAsync(Late);

        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator("#query")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("/");
        await Expect(page.Locator("#query")).ToBeFocusedAsync();
        Assert.Empty(faults);

        // A tab keeps the key and the search.
        await page.ReloadAsync();
        await Expect(page.Locator("#query")).ToHaveValueAsync("order confirmation e-mail");
        await Expect(first).ToHaveTextAsync(Late);
    }

    [Fact]
    public async Task A_text_is_shown_as_it_is_and_never_run()
    {
        await workspace.Execute(
            "INSERT INTO issues (repository_id, number, title, body) SELECT repository_id, 99001, $1, $2 FROM issues LIMIT 1", Evil,
            "<script>document.title='owned'</script> & <mark>newsletter</mark> &lt;b&gt; confetti");
        (await workspace.Program().Run("backfill", "workspace")).Exits(0);
        var server = workspace.Server;
        var page = await chromium.Open();
        var faults = Listen(page);
        await Enter(page, server);

        await page.FillAsync("#query", "newsletter confetti");

        await Expect(page.Locator("#results .open").First).ToHaveTextAsync(Evil);
        await Expect(page.Locator("#results li").First).ToContainTextAsync("<script>document.title='owned'</script> & <mark>");
        await Expect(page.Locator("#results li").First).ToContainTextAsync("&lt;b&gt;");
        Assert.Equal(("Search", 0, 0), (
            await page.TitleAsync(), await page.Locator("#results img").CountAsync(), await page.Locator("#results script").CountAsync()));
        Assert.Empty(faults);
        // And if a text ever became markup, the policy would not run it.
        await page.EvaluateAsync(
            "try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">') } catch {}");
        Assert.Equal("Search", await page.TitleAsync());
    }

    [Fact]
    public async Task An_overtaken_search_is_ended_and_never_shown()
    {
        var server = workspace.Server;
        var page = await chromium.Open();
        await Enter(page, server);
        var held = new TaskCompletionSource();
        var asked = new List<string>();
        var ended = new List<string>();
        page.RequestFailed += (_, request) => ended.Add(Query(request));
        await page.RouteAsync("**/api/embeddings/search", async route =>
        {
            asked.Add(Query(route.Request));
            if (asked.Count == 1)
            {
                await held.Task;
            }

            await route.ContinueAsync();
        });

        await page.Keyboard.TypeAsync("cart");
        await page.WaitForRequestAsync("**/api/embeddings/search");
        // At once: on a busy machine a pause between two keys is long enough for a search.
        await page.FillAsync("#query", "cart order confirmation e-mail");
        await Expect(page.Locator("#results .open").First).ToHaveTextAsync(Late);
        held.SetResult();
        await page.WaitForTimeoutAsync(300);

        Assert.Equal(["cart", "cart order confirmation e-mail"], asked);
        Assert.Equal(["cart"], ended);
        await Expect(page.Locator("#results .open").First).ToHaveTextAsync(Late);
    }

    [Theory]
    [InlineData(1_000, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    public async Task It_fits_a_phone_and_a_desk_by_day_and_by_night_and_a_screen_reader(int width, ColorScheme scheme)
    {
        var server = workspace.Server;
        var page = await chromium.Open(width, scheme);
        await page.GotoAsync($"{server.Address}/embeddings/search");
        await Expect(page.Locator("#key")).ToBeVisibleAsync();
        await AssertAccessible(page);
        await Enter(page, server);
        await page.FillAsync("#query", "order confirmation e-mail");
        await Expect(page.Locator("#results .open").First).ToHaveTextAsync(Late);
        await page.Locator("#results .open").First.ClickAsync();

        await AssertAccessible(page);

        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        Assert.Equal("polite", await page.Locator("#status").GetAttributeAsync("aria-live"));
        Assert.Equal(
            scheme == ColorScheme.Dark ? "rgb(21, 24, 28)" : "rgb(255, 255, 255)",
            await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));
        await page.ScreenshotAsync(new()
        {
            Path = Path.Combine(Repository.Root, "artifacts", $"search-page-{width}.png"),
            FullPage = true,
        });
    }

    [Fact]
    public async Task Kinds_modes_more_results_and_nothing_found_are_told()
    {
        var server = workspace.Server;
        var page = await chromium.Open();
        await Enter(page, server);
        await page.SelectOptionAsync("#kind", "discussion");
        await page.FillAsync("#query", "cart");
        await Expect(page.Locator("#results li").First).ToContainTextAsync("discussion");
        Assert.Equal(0, await page.Locator("#results .facts", new() { HasText = "issue" }).CountAsync());

        await page.SelectOptionAsync("#kind", "");
        await Expect(page.Locator("#status")).ToContainTextAsync("20 results, and more");
        await page.ClickAsync("#more");
        await Expect(page.Locator("#results .open").Nth(20)).ToBeFocusedAsync();
        Assert.True(await page.Locator("#results li").CountAsync() > 20);

        await page.SelectOptionAsync("#mode", "text");
        await page.FillAsync("#query", "xylophonequartet");
        await Expect(page.Locator("#status")).ToContainTextAsync("nothing found");
    }

    [Fact]
    public async Task Without_a_key_its_own_page_is_let_in_and_no_other()
    {
        await using var server = await Server.Start(workspace.Program(), "--no-key");
        var page = await chromium.Open();
        await page.GotoAsync($"{server.Address}/embeddings/search");
        await page.FillAsync("#query", "order confirmation e-mail");
        await Expect(page.Locator("#results .open").First).ToHaveTextAsync(Late);

        // The same machine's other port is another origin; it reaches the server, and is refused.
        await using var other = await Server.Start(workspace.Program(), "--no-key");
        await page.GotoAsync($"{other.Address}/embeddings/search");
        using var foreign = new HttpRequestMessage(HttpMethod.Get, "/api/embeddings/corpora");
        foreign.Headers.Add("Origin", other.Address);
        foreign.Headers.Add("Sec-Fetch-Site", "same-site");
        using var refused = await server.Send(foreign);
        Assert.Equal(System.Net.HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Its_policy_is_strict_and_its_files_need_no_key()
    {
        var server = workspace.Server;
        foreach (var (path, type) in new[]
        {
            ("", "text/html"), ("/search.css", "text/css"), ("/search.js", "text/javascript"),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/embeddings/search{path}");
            using var response = await server.Send(request);
            Assert.Equal((System.Net.HttpStatusCode.OK, type), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
            var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("http", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    private static async Task Enter(IPage page, Server server)
    {
        await page.GotoAsync($"{server.Address}/embeddings/search");
        await page.FillAsync("#key", ServerKey);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#query")).ToBeFocusedAsync();
    }

    // What a browser reports: scripts that fail, and what the policy stops.
    private static List<string> Listen(IPage page)
    {
        var faults = new List<string>();
        page.PageError += (_, fault) => faults.Add(fault);
        page.Console += (_, line) =>
        {
            if (line.Type == "error" && !line.Text.Contains("401", StringComparison.Ordinal))
            {
                faults.Add(line.Text);
            }
        };
        return faults;
    }

    private static async Task AssertAccessible(IPage page)
    {
        var found = await page.RunAxe();
        Assert.True(found.Violations.Length == 0, string.Join('\n', found.Violations.Select(
            violation => $"{violation.Id}: {violation.Help} {string.Join(", ", violation.Nodes.Select(node => node.Html))}")));
    }

    private static string Query(IRequest request) => JsonDocument.Parse(request.PostData!).RootElement.GetProperty("query").GetString()!;

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}
