using System.Buffers;
using System.Text.Json.Nodes;

namespace EmbeddingFunctions.Testing;

/// <summary>A line of an output or error file.</summary>
internal static class FakeBatchLine
{
    public static string Answered(string id, Answer answer)
    {
        var body = new ArrayBufferWriter<byte>();
        answer.WriteTo(body);
        return Line(id, 200, JsonNode.Parse(body.WrittenSpan), null);
    }

    public static string Refused(string id, Refusal refusal) => Line(id, refusal.Status, JsonNode.Parse(refusal.ToJson()), null);

    public static string Unfinished(string? id, string code) => Line(
        id, null, null, new JsonObject
        {
            ["code"] = code,
            ["message"] = "This request could not be executed before the completion window expired.",
        });

    private static string Line(string? id, int? status, JsonNode? body, JsonNode? error) => new JsonObject
    {
        ["id"] = $"batch_req_{Guid.NewGuid():N}",
        ["custom_id"] = id,
        ["response"] = status is null ? null : new JsonObject { ["status_code"] = status, ["request_id"] = "req", ["body"] = body },
        ["error"] = error,
    }.ToJsonString();
}
