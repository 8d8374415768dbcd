using Microsoft.Playwright;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>The Chromium that <c>./run test</c> provides, for all tests of a class.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    public async Task InitializeAsync()
    {
        var path = Environment.GetEnvironmentVariable("TEST_CHROMIUM")
            ?? throw new InvalidOperationException(
                "TEST_CHROMIUM is not set: run './run test', or set it to what infra/local/chromium.sh prints.");
        _playwright = await Playwright.CreateAsync();
        // Root, as in a container, has no sandbox; the pages are our own.
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox"] });
    }

    public async Task DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }

    /// <summary>A page in a context of its own.</summary>
    public Task<IPage> Open(int width = 1_000, ColorScheme scheme = ColorScheme.Light) => _browser.NewPageAsync(new()
    {
        ViewportSize = new() { Width = width, Height = 800 },
        ColorScheme = scheme,
        ReducedMotion = ReducedMotion.Reduce,
    });
}
