using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Testing;

/// <summary>OpenAI's <c>/v1/files</c> and <c>/v1/batches</c>, as far as a batch of embeddings needs them.</summary>
internal sealed class BatchesEndpoint(FakeServices services)
{
    private const int DefaultPage = 20;

    private FakeBatches Batches => services.Batches;

    public static bool Serves(string? path) =>
        path is not null
        && (path.StartsWith("/v1/files", StringComparison.Ordinal) || path.StartsWith("/v1/batches", StringComparison.Ordinal));

    public async Task HandleAsync(HttpContext http)
    {
        var (method, path) = (http.Request.Method, http.Request.Path.Value!);
        var presented = http.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);
        var refusal = presented != services.ApiKey ? Refusals.BadKey(presented, services.Options.EchoWholeKey)
            : Batches.Refuse($"{method} {path}") is { } status ? new Refusal(status, $"The key {presented} is refused by the script.")
            : null;
        if (refusal is not null)
        {
            await Send(http, refusal.Status, refusal.ToJson());
            return;
        }

        await ((method, path.Split('/')[2..]) switch
        {
            ("POST", ["files"]) => Upload(http),
            ("GET", ["files", var id, "content"]) => Content(http, id),
            ("DELETE", ["files", var id]) => Reply(
                http, Batches.Remove(id) ? new JsonObject { ["id"] = id, ["deleted"] = true } : null),
            ("POST", ["batches"]) => Create(http),
            ("GET", ["batches"]) => List(http),
            ("GET", ["batches", var id]) => Reply(http, Of(Batches.Look(id))),
            ("POST", ["batches", var id, "cancel"]) => Reply(http, Of(Batches.Cancel(id))),
            _ => Reply(http, null),
        });
    }

    private async Task Upload(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync();
        var file = form.Files["file"]!;
        using var content = new MemoryStream();
        await file.CopyToAsync(content);
        await Reply(http, new JsonObject
        {
            ["id"] = Batches.Add(content.ToArray()),
            ["object"] = "file",
            ["bytes"] = content.Length,
            ["filename"] = file.FileName,
            ["purpose"] = form["purpose"].ToString(),
        });
    }

    private async Task Content(HttpContext http, string id)
    {
        if (Batches.File(id) is not { } content)
        {
            await Reply(http, null);
            return;
        }

        http.Response.ContentType = "application/binary";
        var half = content.Length / 2;
        await http.Response.BodyWriter.WriteAsync(content.AsMemory(0, half));
        await http.Response.BodyWriter.FlushAsync();
        await Batches.MidDownload().WaitAsync(http.RequestAborted);
        await http.Response.BodyWriter.WriteAsync(content.AsMemory(half));
    }

    private async Task Create(HttpContext http)
    {
        using var json = await JsonDocument.ParseAsync(http.Request.Body);
        var root = json.RootElement;
        if (root.GetProperty("completion_window").GetString() != "24h" || root.GetProperty("endpoint").GetString() != "/v1/embeddings")
        {
            await Send(http, 400, new Refusal(400, "The window is 24h, and the endpoint /v1/embeddings.").ToJson());
            return;
        }

        await Batches.BeforeCreate().WaitAsync(http.RequestAborted);
        var created = Batches.Create(
            root.GetProperty("input_file_id").GetString()!, root.GetProperty("metadata").Deserialize<Dictionary<string, string>>()!);
        await Batches.AfterCreate().WaitAsync(http.RequestAborted);
        await Reply(http, Of(created));
    }

    private Task List(HttpContext http)
    {
        var size = int.TryParse(http.Request.Query["limit"], out var limit) ? limit : DefaultPage;
        var newest = Batches.All.Reverse().ToList();
        var first = newest.FindIndex(batch => batch.Id == http.Request.Query["after"]) + 1;
        var page = newest.Skip(first).Take(size).ToList();
        return Reply(http, new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray(page.Select(batch => (JsonNode?)Of(batch)).ToArray()),
            ["has_more"] = first + page.Count < newest.Count,
        });
    }

    private static JsonObject? Of(FakeBatch? batch) => batch is null ? null : new JsonObject
    {
        ["id"] = batch.Id,
        ["object"] = "batch",
        ["endpoint"] = "/v1/embeddings",
        ["input_file_id"] = batch.InputFile,
        ["completion_window"] = "24h",
        ["status"] = batch.Status,
        ["output_file_id"] = batch.OutputFile,
        ["error_file_id"] = batch.ErrorFile,
        ["created_at"] = batch.CreatedAt.ToUnixTimeSeconds(),
        ["errors"] = batch.Errors.Count == 0 ? null : new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray(batch.Errors.Select(error => (JsonNode?)new JsonObject
            {
                ["code"] = error.Code,
                ["message"] = error.Message,
                ["param"] = null,
                ["line"] = error.Line,
            }).ToArray()),
        },
        ["metadata"] = new JsonObject(batch.Metadata.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
    };

    private static Task Reply(HttpContext http, JsonObject? json) => json is null
        ? Send(http, 404, new Refusal(404, "There is no such file or batch.").ToJson())
        : Send(http, 200, JsonSerializer.SerializeToUtf8Bytes(json));

    private static async Task Send(HttpContext http, int status, byte[] body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        await http.Response.BodyWriter.WriteAsync(body);
    }
}
