using System.Net.Http.Headers;
using System.Text.Json;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

internal sealed record FakeReply(int Status, HttpResponseHeaders Headers, string Body)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public JsonElement Data => Json.GetProperty("data");

    public int[] Indexes => [.. Data.EnumerateArray().Select(item => item.GetProperty("index").GetInt32())];

    public float[][] Vectors => [.. Data.EnumerateArray().Select(item => FakeClient.Floats(item.GetProperty("embedding")))];

    public string? Code => Error("code");

    public string? Type => Error("type");

    public string? Message => Error("message");

    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;

    private string? Error(string field) => Json.GetProperty("error").GetProperty(field).GetString();
}
