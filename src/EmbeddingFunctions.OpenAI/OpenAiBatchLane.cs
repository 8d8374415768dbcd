using System.Net;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;

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

    private const int PageSize = 100;

    private static readonly TimeSpan _longestUpload = TimeSpan.FromMinutes(10);

    private static readonly JsonWriterOptions _compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly OpenAiBatchHttp _http = new(http, key, redaction);

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
        using var reply = await _http.Call(() => new(HttpMethod.Post, At("files"))
        {
            Content = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new FileContent(file), "file", name } },
        }, cancellation, _longestUpload);
        return OpenAiBatchJson.Text(reply.RootElement, "id") ?? throw OpenAiBatchJson.Unreadable("a file without an id");
    }

    public async Task<LaneBatch> Create(string file, Guid batch, CancellationToken cancellation)
    {
        // One that was created unseen would be paid for twice, so it is looked for before another is.
        using var reply = await _http.Call(() => new(HttpMethod.Post, At("batches"))
        {
            Content = JsonContent.Create(new
            {
                input_file_id = file,
                endpoint = Endpoint,
                completion_window = "24h",
                metadata = new Dictionary<string, string> { [OwnId] = $"{batch}" },
            }),
        }, cancellation, mayRepeat: false);
        return OpenAiBatchJson.Batch(reply.RootElement, redaction);
    }

    public async Task<LaneBatch?> Find(Guid batch, DateTimeOffset since, CancellationToken cancellation)
    {
        // Our clocks need not agree.
        var oldest = since.AddHours(-1).ToUnixTimeSeconds();
        for (string? after = null; ;)
        {
            using var reply = await _http.Call(
                () => new(HttpMethod.Get, At($"batches?limit={PageSize}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}")),
                cancellation);
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
        using var reply = await _http.Call(() => new(HttpMethod.Get, At($"batches/{Uri.EscapeDataString(id)}")), cancellation);
        return OpenAiBatchJson.Batch(reply.RootElement, redaction);
    }

    public async Task Cancel(string id, CancellationToken cancellation)
    {
        try
        {
            using var reply = await _http.Call(
                () => new(HttpMethod.Post, At($"batches/{Uri.EscapeDataString(id)}/cancel")), cancellation);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Item || e.Message.Contains(" 409", StringComparison.Ordinal))
        {
            // It has ended meanwhile.
        }
    }

    public async IAsyncEnumerable<LaneReply> Read(string file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var line in _http.Lines(
            () => new(HttpMethod.Get, At($"files/{Uri.EscapeDataString(file)}/content")), cancellation))
        {
            yield return OpenAiBatchJson.Line(line, redaction);
        }
    }

    public Task Delete(string file, CancellationToken cancellation) =>
        _http.Try(() => new(HttpMethod.Delete, At($"files/{Uri.EscapeDataString(file)}")), cancellation);

    private Uri At(string path) => new($"{root.AbsoluteUri.TrimEnd('/')}/{path}");

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
