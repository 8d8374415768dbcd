using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings serve</c> as a process of its own, asked over HTTP.</summary>
internal sealed partial class Server : IAsyncDisposable
{
    private readonly HttpClient _http;

    private Server(Running process, string address, string? keyFile)
    {
        (Process, Address, KeyFile) = (process, address, keyFile);
        _http = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(60) };
        if (keyFile is not null)
        {
            _http.DefaultRequestHeaders.Add("x-functions-key", File.ReadAllText(keyFile));
        }
    }

    /// <summary>Where the key is that the server made for itself, if it did; requests carry it.</summary>
    public string? KeyFile { get; }

    public Running Process { get; }

    public string Address { get; }

    public static async Task<Server> Start(Program program, params string[] options)
    {
        var process = program.Start(["serve", "--urls", "http://127.0.0.1:0", .. options]);
        var address = AddressPattern().Match(await process.Says("Listening on ")).Value;
        var hasMadeKey = !program.Has("EMBEDDINGS_API_KEY") && !options.Contains("--no-key");
        return new Server(
            process, address, hasMadeKey ? KeyFilePattern().Match(await process.Says("Requests carry the key in ")).Groups[1].Value : null);
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

    [GeneratedRegex("key in (.+) in the header")]
    private static partial Regex KeyFilePattern();

    [GeneratedRegex("http://[^/ ]+")]
    private static partial Regex AddressPattern();
}
