using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.OpenAI;

/// <summary>
/// OpenAI's Batch API for embeddings: the endpoints of files and batches, which the official client has only as experimental ones.
/// </summary>
/// <param name="http">Follows no redirect, which would carry the key to wherever it points.</param>
/// <param name="root">Up to and including <c>/v1</c>.</param>
/// <param name="key">Sent as a bearer token.</param>
/// <param name="redaction">Takes the key out of what the server says.</param>
internal sealed class OpenAiBatchLane(HttpClient http, Uri root, string key, Redaction redaction) : IBatchLane
{
    private const string Endpoint = "/v1/embeddings";
    private const string OwnId = "embedding_batch";

    private const int Retries = 3;
    private const int PageSize = 100;

    private static readonly TimeSpan _longestCall = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _longestUpload = TimeSpan.FromMinutes(10);

    private static readonly JsonWriterOptions _compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Not for the creation of a batch: one that was created unseen would be paid for twice, so it is looked for first.
    private readonly ResiliencePipeline _again = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<ProviderException>(
            e => e is { Fault: ProviderFault.Transient, IsTimeout: false } && (e.InnerException is null || e.IsUnreachable)),
        MaxRetryAttempts = Retries,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromMilliseconds(500),
        UseJitter = true,
        DelayGenerator = arguments => new ValueTask<TimeSpan?>((arguments.Outcome.Exception as ProviderException)?.RetryAfter),
    }).Build();

    public void Write(Stream file, int line, string model, int dimensions, IReadOnlyList<string> inputs)
    {
        using (var json = new Utf8JsonWriter(file, _compact))
        {
            json.WriteStartObject();
            json.WriteString("custom_id", $"{line}");
            json.WriteString("method", "POST");
            json.WriteString("url", Endpoint);
            json.WriteStartObject("body");
            json.WriteString("model", model);
            json.WriteNumber("dimensions", dimensions);
            json.WriteString("encoding_format", "base64");
            json.WriteStartArray("input");
            foreach (var input in inputs)
            {
                json.WriteStringValue(input);
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        file.WriteByte((byte)'\n');
    }

    public async Task<string> Upload(string name, Stream file, CancellationToken cancellation)
    {
        using var reply = await Call(() => new(HttpMethod.Post, At("files"))
        {
            Content = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new FileContent(file), "file", name } },
        }, _longestUpload, _again, cancellation);
        return OpenAiBatchJson.Text(reply.RootElement, "id") ?? throw OpenAiBatchJson.Unreadable("a file without an id");
    }

    public async Task<LaneBatch> Create(string file, Guid batch, CancellationToken cancellation)
    {
        using var reply = await Call(() => new(HttpMethod.Post, At("batches"))
        {
            Content = JsonContent.Create(new
            {
                input_file_id = file,
                endpoint = Endpoint,
                completion_window = "24h",
                metadata = new Dictionary<string, string> { [OwnId] = $"{batch}" },
            }),
        }, _longestCall, ResiliencePipeline.Empty, cancellation);
        return OpenAiBatchJson.Batch(reply.RootElement, redaction);
    }

    public async Task<LaneBatch?> Find(Guid batch, DateTimeOffset since, CancellationToken cancellation)
    {
        // Our clocks need not agree.
        var oldest = since.AddHours(-1).ToUnixTimeSeconds();
        for (string? after = null; ;)
        {
            using var reply = await Call(
                () => new(HttpMethod.Get, At($"batches?limit={PageSize}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}")),
                _longestCall, _again, cancellation);
            var page = reply.RootElement.GetProperty("data").EnumerateArray().ToList();
            if (page.Find(IsOurs) is { ValueKind: JsonValueKind.Object } found)
            {
                return OpenAiBatchJson.Batch(found, redaction);
            }

            if (page.Count == 0 || page.TrueForAll(IsOlder)
                || !(reply.RootElement.TryGetProperty("has_more", out var more) && more.ValueKind == JsonValueKind.True))
            {
                return null;
            }

            after = OpenAiBatchJson.Text(page[^1], "id");
        }

        bool IsOurs(JsonElement one) =>
            one.TryGetProperty("metadata", out var data) && data.ValueKind == JsonValueKind.Object
                && OpenAiBatchJson.Text(data, OwnId) == $"{batch}";

        bool IsOlder(JsonElement one) =>
            one.TryGetProperty("created_at", out var at) && at.TryGetInt64(out var seconds) && seconds < oldest;
    }

    public async Task<LaneBatch> Get(string id, CancellationToken cancellation)
    {
        using var reply = await Call(
            () => new(HttpMethod.Get, At($"batches/{Uri.EscapeDataString(id)}")), _longestCall, _again, cancellation);
        return OpenAiBatchJson.Batch(reply.RootElement, redaction);
    }

    public async Task Cancel(string id, CancellationToken cancellation)
    {
        try
        {
            using var reply = await Call(
                () => new(HttpMethod.Post, At($"batches/{Uri.EscapeDataString(id)}/cancel")), _longestCall, _again, cancellation);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Item || e.Message.Contains(" 409", StringComparison.Ordinal))
        {
            // It has ended meanwhile.
        }
    }

    public async IAsyncEnumerable<LaneReply> Read(string file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        idle.CancelAfter(_longestCall);
        using var response = await Guard(
            () => _again.ExecuteAsync(
                async token => await Send(
                    () => new(HttpMethod.Get, At($"files/{Uri.EscapeDataString(file)}/content")), token, mayLack: true),
                idle.Token).AsTask(), idle, cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            yield break;
        }

        using var lines = new StreamReader(await Guard(() => response.Content.ReadAsStreamAsync(idle.Token), idle, cancellation));
        while (await Guard(() => lines.ReadLineAsync(idle.Token).AsTask(), idle, cancellation) is { } line)
        {
            if (line.Length > 0)
            {
                yield return OpenAiBatchJson.Line(line, redaction);
            }

            // The time that the caller takes is not the server's.
            idle.CancelAfter(_longestCall);
        }
    }

    public async Task Delete(string file, CancellationToken cancellation)
    {
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        call.CancelAfter(_longestCall);
        using var response = await Guard(
            () => _again.ExecuteAsync(
                async token => await Send(() => new(HttpMethod.Delete, At($"files/{Uri.EscapeDataString(file)}")), token, mayLack: true),
                call.Token).AsTask(), call, cancellation);
    }

    private Uri At(string path) => new($"{root.AbsoluteUri.TrimEnd('/')}/{path}");

    private async Task<JsonDocument> Call(
        Func<HttpRequestMessage> request, TimeSpan longest, ResiliencePipeline retry, CancellationToken cancellation)
    {
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        call.CancelAfter(longest);
        return await Guard(() => retry.ExecuteAsync(async token =>
        {
            using var response = await Send(request, token);
            await using var body = await response.Content.ReadAsStreamAsync(token);
            return await JsonDocument.ParseAsync(body, cancellationToken: token);
        }, call.Token).AsTask(), call, cancellation);
    }

    private async Task<HttpResponseMessage> Send(Func<HttpRequestMessage> make, CancellationToken cancellation, bool mayLack = false)
    {
        using var request = make();
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (HttpRequestException e)
        {
            throw Broken(e, isUnreachable: e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError);
        }

        if (response.IsSuccessStatusCode || (mayLack && response.StatusCode == HttpStatusCode.NotFound))
        {
            return response;
        }

        using (response)
        {
            throw OpenAiFaults.From(
                (int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellation),
                name => response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null, redaction);
        }
    }

    // What broke because the caller left is the caller's leaving, and no fault of the provider.
    private async Task<T> Guard<T>(Func<Task<T>> call, CancellationTokenSource timed, CancellationToken cancellation)
    {
        try
        {
            return await call();
        }
        catch (OperationCanceledException e) when (timed.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            const string Late = "the provider's batch interface did not answer in time";
            throw new ProviderException(ProviderFault.Transient, Late, e) { IsTimeout = true };
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw Broken(e, isUnreachable: false);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw OpenAiBatchJson.Unreadable(redaction.Clean(e.Message));
        }
    }

    private ProviderException Broken(Exception e, bool isUnreachable) => new(
        ProviderFault.Transient, redaction.Clean($"the connection to the provider failed: {e.GetBaseException().Message}"), e)
    { IsUnreachable = isUnreachable };

    /// <summary>A file of which each attempt sends all; its owner closes it.</summary>
    private sealed class FileContent(Stream file) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            file.Position = 0;
            return file.CopyToAsync(stream);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = file.Length;
            return true;
        }
    }
}
