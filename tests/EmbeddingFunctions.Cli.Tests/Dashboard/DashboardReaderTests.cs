using System.Text.Json;
using EmbeddingFunctions.Cli.Tests.Search;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>Who may only look sees what failed and why, and no text of a row, although the host shows texts.</summary>
public sealed class DashboardReaderTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    [Fact]
    public async Task The_page_has_the_reason_and_neither_texts_nor_buttons()
    {
        var (page, _) = await workspace.Open(chromium, "failures", ReadKey);

        await page.GetByRole(AriaRole.Button, new() { Name = "Show rows" }).First.ClickAsync();

        await Assertions.Expect(page.Locator(".groups tbody tr")).ToHaveCountAsync(Poisoned);
        await Assertions.Expect(page.Locator(".groups h3")).ToContainTextAsync("the provider answered 400");
        Assert.Equal(
            (0, 0), (await page.Locator(".text").CountAsync(),
                await page.GetByRole(AriaRole.Button, new() { Name = "Retry" }).CountAsync()));
    }

    [Theory]
    [InlineData(Key, Poisoned)]
    [InlineData(ReadKey, 0)]
    public async Task The_HTTP_API_gives_texts_to_the_server_s_key_alone(string key, int texts)
    {
        using var client = new HttpClient { BaseAddress = new Uri(workspace.Server.Address) };
        client.DefaultRequestHeaders.Add("x-functions-key", key);

        using var page = JsonDocument.Parse(
            await client.GetStringAsync(new Uri("/api/embeddings/failures/items?corpus=workspace", UriKind.Relative)));

        var items = page.RootElement.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(Poisoned, items.Count);
        Assert.Equal(
            texts,
            items.Count(item => item.TryGetProperty("text", out var text) && $"{text}".Contains("poison", StringComparison.Ordinal)));
    }
}
