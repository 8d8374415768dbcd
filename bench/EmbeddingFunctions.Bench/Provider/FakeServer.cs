using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace EmbeddingFunctions.Bench.Provider;

/// <summary>The fake provider as a process: 100 ms a request, no limits unless told, its CPU time its own.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    public static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(100);

    private readonly Process _process;

    private FakeServer(Process process, string baseUrl) => (_process, BaseUrl) = (process, baseUrl);

    /// <summary>Up to and with <c>/v1/</c>.</summary>
    public string BaseUrl { get; }

    /// <summary>One that takes the usual time for a request.</summary>
    /// <param name="limits">Such as <c>--rpm 500</c>; with limits its code is not compiled beforehand, since that takes requests.</param>
    public static Task<FakeServer> Start(params string[] limits) => Start(Latency, limits);

    /// <inheritdoc cref="Start(string[])"/>
    public static async Task<FakeServer> Start(TimeSpan latency, params string[] limits)
    {
        var process = ChildProcess.Start(["fake", "--latency-ms", $"{latency.TotalMilliseconds}", .. limits]);
        var hello = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The fake provider did not start.");
        var server = new FakeServer(process, JsonDocument.Parse(hello).RootElement.GetProperty("baseUrl").GetString() + "/");
        if (limits.Length == 0)
        {
            // Its code is compiled by its first requests.
            await ProviderAlone.Measure(server, 32, 4_000);
        }

        return server;
    }

    /// <summary>What it was asked so far.</summary>
    public async Task<Audit> Audit()
    {
        using var client = new HttpClient();
        return (await client.GetFromJsonAsync<Audit>(new Uri(new Uri(BaseUrl), "/audit")))!;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}

internal sealed record Audit(int Requests, long PaidInputs, IReadOnlyDictionary<string, int> Statuses);
