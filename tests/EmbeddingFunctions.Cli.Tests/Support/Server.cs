using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings serve</c> as a process of its own, asked over HTTP.</summary>
internal sealed partial class Server : IAsyncDisposable
{
    private readonly HttpClient _http;

    private Server(Running process, string address)
    {
        (Process, Address) = (process, address);
        _http = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(60) };
    }

    public Running Process { get; }

    public string Address { get; }

    public static async Task<Server> Start(Program program, params string[] options)
    {
        var process = program.Start(["serve", "--urls", "http://127.0.0.1:0", .. options]);
        return new Server(process, AddressPattern().Match(await process.Says("Listening on ")).Value);
    }

    public Task<HttpResponseMessage> Send(HttpRequestMessage request) => _http.SendAsync(request);

    /// <summary>Sends the event, which must be accepted.</summary>
    /// <returns>The run's id.</returns>
    public async Task<Guid> Ask(object data)
    {
        using var response = await _http.PostAsJsonAsync("/api/embeddings/compute", data);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        return (await Body(response)).GetProperty("runId").GetGuid();
    }

    public async Task<JsonElement> Get(string path)
    {
        using var response = await _http.GetAsync(new Uri(path, UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await Body(response);
    }

    public async Task<HttpStatusCode> Cancel(Guid run)
    {
        using var response = await _http.PostAsync(new Uri($"/api/embeddings/runs/{run}/cancel", UriKind.Relative), null);
        return response.StatusCode;
    }

    /// <summary>Waits for a run's end.</summary>
    public async Task<JsonElement> Ended(Guid run)
    {
        var end = DateTime.UtcNow + Running.Patience;
        while (true)
        {
            var detail = await Get($"/api/embeddings/runs/{run}");
            if (detail.GetProperty("run").GetProperty("completedAt").ValueKind != JsonValueKind.Null)
            {
                return detail;
            }

            Assert.True(DateTime.UtcNow < end, $"The run did not end: {detail}");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Process.DisposeAsync();
    }

    private static async Task<JsonElement> Body(HttpResponseMessage response) => await response.Content.ReadFromJsonAsync<JsonElement>();

    [GeneratedRegex("http://[^/ ]+")]
    private static partial Regex AddressPattern();
}
