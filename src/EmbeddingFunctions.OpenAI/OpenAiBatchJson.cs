using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.OpenAI;

/// <summary>Reads what OpenAI's batch interface answers.</summary>
internal static class OpenAiBatchJson
{
    private const int Ok = 200;

    /// <returns>A line of an output or error file; of a line that cannot be read one that belongs to no line.</returns>
    public static LaneReply Line(string line, Redaction redaction)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return Read(json.RootElement, redaction);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            return new LaneReply(null, [], 0, Fault(ProviderFault.Item, "a line of the provider's answer cannot be read"));
        }
    }

    private static LaneReply Read(JsonElement json, Redaction redaction)
    {
        int? line = json.TryGetProperty("custom_id", out var id) && id.ValueKind == JsonValueKind.String
            && int.TryParse(id.GetString(), out var number) ? number : null;
        var response = json.TryGetProperty("response", out var found) && found.ValueKind == JsonValueKind.Object ? found : default;
        var body = response.ValueKind == JsonValueKind.Object && response.TryGetProperty("body", out var inner) ? inner : default;
        var status = response.ValueKind == JsonValueKind.Object && response.TryGetProperty("status_code", out var code)
            && code.TryGetInt32(out var value) ? value : 0;
        if (status == Ok && body.ValueKind == JsonValueKind.Object && body.TryGetProperty("data", out var data))
        {
            return Answer(line, body, data);
        }

        // Without a status the line was not executed, or not to its end.
        return new LaneReply(line, [], 0, status is 0 or Ok
            ? Fault(ProviderFault.Transient, redaction.Clean(Reason(json)))
            : OpenAiFaults.From(status, Bytes(body), _ => null, redaction));
    }

    private static LaneReply Answer(int? line, JsonElement body, JsonElement data)
    {
        var vectors = new ReadOnlyMemory<float>[data.GetArrayLength()];
        foreach (var one in data.EnumerateArray())
        {
            var index = one.GetProperty("index").GetInt32();
            if (index < 0 || index >= vectors.Length || !vectors[index].IsEmpty)
            {
                return new LaneReply(line, [], 0, Fault(ProviderFault.Item, $"the index {index} is repeated or not of any input"));
            }

            vectors[index] = Vector(one.GetProperty("embedding"));
        }

        var tokens = body.TryGetProperty("usage", out var usage) && usage.TryGetProperty("prompt_tokens", out var count)
            && count.TryGetInt64(out var paid) ? paid : 0;
        return new LaneReply(line, vectors, tokens, null);
    }

    private static float[] Vector(JsonElement embedding) => embedding.ValueKind == JsonValueKind.String
        ? MemoryMarshal.Cast<byte, float>(embedding.GetBytesFromBase64()).ToArray()
        : embedding.EnumerateArray().Select(number => number.GetSingle()).ToArray();

    private static byte[] Bytes(JsonElement body) =>
        body.ValueKind == JsonValueKind.Undefined ? [] : Encoding.UTF8.GetBytes(body.GetRawText());

    private static string Reason(JsonElement json) =>
        json.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
            ? $"{Text(error, "message") ?? "no reason given"} ({Text(error, "code") ?? "no code"})"
            : "a line of the batch has neither an answer nor a reason";

    private static ProviderException Fault(ProviderFault fault, string why) => new(fault, why);

    public static LaneBatch Batch(JsonElement batch, Redaction redaction) => new(
        Text(batch, "id") ?? throw Unreadable("a batch without an id"),
        Text(batch, "status") switch
        {
            "failed" => LaneStatus.Failed,
            "completed" => LaneStatus.Completed,
            "expired" => LaneStatus.Expired,
            "cancelled" => LaneStatus.Cancelled,
            _ => LaneStatus.OnItsWay,
        },
        Text(batch, "output_file_id"), Text(batch, "error_file_id"), Errors(batch, redaction).ToList());

    public static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static ProviderException Unreadable(string what) =>
        new(ProviderFault.Transient, $"the provider's batch interface answered what cannot be read: {what}", new JsonException(what));

    private static IEnumerable<LaneError> Errors(JsonElement batch, Redaction redaction) =>
        batch.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object
            && errors.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Array
            ? data.EnumerateArray().Select(error => new LaneError(
                Text(error, "code") ?? "no code", redaction.Clean(Text(error, "message") ?? "no reason given"),
                error.TryGetProperty("line", out var line) && line.ValueKind == JsonValueKind.Number && line.TryGetInt32(out var number)
                    ? number : null))
            : [];
}
