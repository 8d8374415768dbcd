using System.Diagnostics;
using System.Text.Json;

namespace EmbeddingFunctions.Bench.Provider;

/// <summary>The fake provider as a process: 100 ms a request, no limits, its CPU time its own.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    public static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(100);

    private readonly Process _process;

    private FakeServer(Process process, string baseUrl) => (_process, BaseUrl) = (process, baseUrl);

    /// <summary>Up to and with <c>/v1/</c>.</summary>
    public string BaseUrl { get; }

    public static async Task<FakeServer> Start()
    {
        var process = ChildProcess.Start("fake", "--latency-ms", $"{Latency.TotalMilliseconds}");
        var hello = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The fake provider did not start.");
        var server = new FakeServer(process, JsonDocument.Parse(hello).RootElement.GetProperty("baseUrl").GetString() + "/");
        // Its code is compiled by its first requests.
        await ProviderAlone.Measure(server, 32, 4_000);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
