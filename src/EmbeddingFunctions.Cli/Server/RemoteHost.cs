using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>A running host, asked over HTTP.</summary>
internal sealed class RemoteHost : IDisposable
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);

    private readonly HttpClient _http;
    private readonly Uri _base;

    /// <param name="url">Its address.</param>
    /// <param name="key">Its key; null: what a server of this user's on this machine made for itself, if it did.</param>
    /// <exception cref="SettingsException">The address cannot be used.</exception>
    public RemoteHost(string url, string? key)
    {
        var (read, problem) = ServerUrl.Read(url);
        _base = read ?? throw new SettingsException([$"--url {problem!.Replace("/v1", "", StringComparison.Ordinal)}"]);
        // A redirect would carry the key to wherever it points.
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(60) };
        if ((key ?? ServerKeyFile.Read(_base)) is { } sent)
        {
            _http.DefaultRequestHeaders.Add("x-functions-key", sent);
        }
    }

    public async Task<TriggeredRun> Trigger(TriggerData data, string? id, CancellationToken cancellation)
    {
        using var content = JsonContent.Create(new { name = "embeddings/compute.requested", id, data }, options: _json);
        return await Send<TriggeredRun>(
            new HttpRequestMessage(HttpMethod.Post, Address(Routes.Compute)) { Content = content }, cancellation);
    }

    public Task<RunDetail> Run(Guid id, CancellationToken cancellation) =>
        Send<RunDetail>(new HttpRequestMessage(HttpMethod.Get, Address($"{Routes.Runs}/{id}")), cancellation);

    public void Dispose() => _http.Dispose();

    private Uri Address(string route) => new(_base, $"{Routes.Host}/{route}");

    private async Task<T> Send<T>(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            using (request)
            {
                using var response = await _http.SendAsync(request, cancellation);
                return response.IsSuccessStatusCode
                    ? (await response.Content.ReadFromJsonAsync<T>(_json, cancellation))!
                    : throw new RemoteHostException(response.StatusCode, await Refusal(response, cancellation));
            }
        }
        catch (Exception e) when (
            e is HttpRequestException or JsonException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new RemoteHostException(
                null,
                $"{_base.GetLeftPart(UriPartial.Authority)} is no embeddings host: {e.Message.TrimEnd('.')}. Start one with "
                    + "'embeddings serve', or name it with --url.");
        }
    }

    private async Task<string> Refusal(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            return $"{_base.GetLeftPart(UriPartial.Authority)} wants another key: set EMBEDDINGS_API_KEY to the host's.";
        }

        var text = await response.Content.ReadAsStringAsync(cancellation);
        try
        {
            return JsonDocument.Parse(text).RootElement.GetProperty("detail").GetString()!;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return $"{_base.GetLeftPart(UriPartial.Authority)} answered {(int)response.StatusCode}.";
        }
    }
}

internal sealed record TriggerData(string Corpus, string? RepositoryId, IReadOnlyList<string>? ItemTypes, int? Limit, bool ForceRegenerate);

internal sealed record TriggeredRun(Guid RunId, string Corpus, bool IsNew);

/// <summary>A host refused, or did not answer.</summary>
internal sealed class RemoteHostException(HttpStatusCode? status, string message) : Exception(message)
{
    /// <summary>Whether the same request might be answered later.</summary>
    public bool IsTransient => status is null or >= HttpStatusCode.InternalServerError;

    /// <summary>Whether what was asked for is wrong, or the host is set not to do it.</summary>
    public bool IsUsage => status is HttpStatusCode.BadRequest or HttpStatusCode.Conflict;
}
