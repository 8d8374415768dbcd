using Deque.AxeCore.Playwright;
using EmbeddingFunctions.Cli.Tests.Search;
using EmbeddingFunctions.Testing;
using Microsoft.Playwright;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>A workspace of which most is embedded and some rows have failed, with a server on it that has both keys.</summary>
public sealed class DashboardWorkspace : IAsyncLifetime
{
    public const string Key = "operator-0123456789abcdef";
    public const string ReadKey = "reader-0123456789abcdef";
    public const string Evil = "<img src=x onerror=\"document.title='owned'\">";

    public const int Poisoned = 4;

    public FakeOpenAi Fake { get; private set; } = null!;

    public TestDatabase Database { get; private set; } = null!;

    public TestWorkspace Workspace { get; private set; } = null!;

    internal Server Server { get; private set; } = null!;

    public Guid Repository { get; private set; }

    public async Task InitializeAsync()
    {
        // Rows are counted again within seconds, on a machine that does much else perhaps ten.
        Assertions.SetDefaultExpectTimeout(30_000);
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Migrated();
        Workspace = new TestWorkspace(Database);
        Repository = await Workspace.Repository();
        await Workspace.Items(Repository, 120);
        await Workspace.Items(Repository, 30, "pull_requests", "change");
        await Workspace.Items(Repository, Poisoned - 1, words: "poison");
        await Workspace.Item(Repository, $"{Evil} poison");
        using (Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput()))
        {
            (await Program().Run("backfill", "workspace")).Exits(3);
        }

        // As if they had been tried three times, by a host whose clock was wrong.
        await Database.Execute("UPDATE embedding.claims SET attempts = 3, is_dead = true, retry_at = now() + interval '1 day'");

        Server = await Serve();
    }

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>The program on it, which starts no run by itself.</summary>
    internal Program Program() => new Program(Database, Fake)
        .Set("EMBEDDINGS_SCHEDULE", "0 0 0 1 1 *").Set("EMBEDDINGS_API_KEY", Key).Set("EMBEDDINGS_READ_KEY", ReadKey)
        .Set("EMBEDDINGS_SHOW_TEXTS", "true").Set("EMBEDDING_CONCURRENCY", "1");

    internal Task<Server> Serve() => Server.Start(Program());

    /// <summary>As if no run had started in the last minutes.</summary>
    internal Task AllowStarts() => Database.Execute("DELETE FROM embedding.start_slots");

    /// <returns>A page of the dashboard, signed in.</returns>
    internal async Task<(IPage Page, List<string> Faults)> Open(
        Chromium chromium, string route = "", string key = Key, int width = 1_000, ColorScheme scheme = ColorScheme.Light,
        string? address = null)
    {
        var page = await chromium.Open(width, scheme);
        var faults = Listen(page);
        await page.GotoAsync($"{address ?? Server.Address}/embeddings");
        await page.FillAsync("#key", key);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("nav")).ToBeVisibleAsync();
        if (route.Length > 0)
        {
            await page.ClickAsync($"nav a[href='#/{route}']");
        }

        return (page, faults);
    }

    /// <summary>What a browser reports: scripts that fail, and what the policy stops.</summary>
    internal static List<string> Listen(IPage page)
    {
        var faults = new List<string>();
        page.PageError += (_, fault) => faults.Add(fault);
        page.Console += (_, line) =>
        {
            // A refusal is shown by the page itself.
            if (line.Type == "error" && !line.Text.Contains("Failed to load resource", StringComparison.Ordinal))
            {
                faults.Add(line.Text);
            }
        };
        return faults;
    }

    internal static async Task AssertAccessible(IPage page)
    {
        var found = await page.RunAxe();
        Assert.True(found.Violations.Length == 0, string.Join('\n', found.Violations.Select(
            violation => $"{violation.Id}: {violation.Help} {string.Join(", ", violation.Nodes.Select(node => node.Html))}")));
    }
}
