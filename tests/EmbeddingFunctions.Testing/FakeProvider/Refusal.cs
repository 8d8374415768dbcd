using System.Text.Encodings.Web;
using System.Text.Json;

namespace EmbeddingFunctions.Testing;

/// <summary>An error reply in OpenAI's shape.</summary>
internal sealed record Refusal(int Status, string Message, string Type = "invalid_request_error", string? Code = null, string? Param = null)
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public byte[] ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, _readable))
        {
            json.WriteStartObject();
            json.WriteStartObject("error");
            json.WriteString("message", Message);
            json.WriteString("type", Type);
            json.WriteString("param", Param);
            json.WriteString("code", Code);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }
}
