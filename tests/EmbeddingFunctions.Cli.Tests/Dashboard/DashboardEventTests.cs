using EmbeddingFunctions.Cli.Tests.Search;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>How the dashboard gets its news: pushed, or asked for where a proxy holds events back.</summary>
public sealed class DashboardEventTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    private const int Watchers = 60;

    [Fact]
    public async Task Events_say_what_changed_and_else_that_the_connection_lives()
    {
        using var http = Client();
        await using var stream = await http.GetStreamAsync(new Uri("/api/embeddings/events", UriKind.Relative));
        using var reader = new StreamReader(stream);
        var names = new List<string>();
        while (names.Count(name => name == "ping") < 2)
        {
            var line = await reader.ReadLineAsync();
            if (line?.StartsWith("event: ", StringComparison.Ordinal) == true)
            {
                names.Add(line["event: ".Length..]);
            }
        }

        Assert.Equal("overview", names[0]);
        var answer = await http.GetStringAsync(new Uri("/api/embeddings/overview", UriKind.Relative));
        Assert.Contains("\"providerName\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_watchers_cost_the_database_no_more_than_one_and_hold_no_connection()
    {
        using var http = Client();
        var streams = await Task.WhenAll(Enumerable.Range(0, Watchers).Select(
            _ => http.GetStreamAsync(new Uri("/api/embeddings/events", UriKind.Relative))));
        await Task.WhenAll(streams.Select(stream => stream.ReadExactlyAsync(new byte[6]).AsTask()));
        var before = await Transactions();
        await Task.Delay(TimeSpan.FromSeconds(4));

        var each = (double)(await Transactions() - before) / Watchers;

        // One of their own each second would be four.
        Assert.InRange(each, 0, 3);
        Assert.InRange(
            await workspace.Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'embeddings'"),
            1, 12);
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }
    }

    [Fact]
    public async Task Through_a_proxy_that_holds_events_back_the_page_asks_instead()
    {
        await using var proxy = await BufferingProxy.Start(workspace.Server.Address);
        var (page, _) = await workspace.Open(chromium, address: proxy.Address);

        await Assertions.Expect(page.Locator(".link")).ToHaveTextAsync("every 2 s");
        await Assertions.Expect(page.Locator(".headline")).ToContainTextAsync("embedded");
        await workspace.Workspace.Items(workspace.Repository, 3, "discussions", "held back");
        await Assertions.Expect(page.Locator(".headline")).ToContainTextAsync("3 wait");
        Assert.True(proxy.HasHeldEvents);
    }

    private HttpClient Client()
    {
        var http = new HttpClient { BaseAddress = new Uri(workspace.Server.Address) };
        http.DefaultRequestHeaders.Add("x-functions-key", Key);
        return http;
    }

    private Task<long> Transactions() =>
        workspace.Database.Ask<long>("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()");
}
