using System.Runtime.InteropServices;
using System.Text.Json;

namespace EmbeddingFunctions.Testing;

/// <summary>One vector of a reply, with the index it claims.</summary>
internal sealed class AnswerItem(int index, float[] vector)
{
    public int Index { get; set; } = index;

    public float[] Vector { get; set; } = vector;

    /// <summary>JSON to send in the vector's place.</summary>
    public string? Raw { get; set; }

    public AnswerItem As(int index) => new(index, Vector);

    public void WriteTo(Utf8JsonWriter json, bool base64)
    {
        json.WriteStartObject();
        json.WriteString("object"u8, "embedding"u8);
        json.WriteNumber("index"u8, Index);
        json.WritePropertyName("embedding"u8);
        if (Raw is not null)
            json.WriteRawValue(Raw);
        else if (base64)
            json.WriteBase64StringValue(MemoryMarshal.AsBytes<float>(Vector));
        else
            WriteFloats(json);
        json.WriteEndObject();
    }

    private void WriteFloats(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (var component in Vector)
        {
            if (float.IsFinite(component))
                json.WriteNumberValue(component);
            else
                // Not JSON, but what Python's encoder writes, and so what a real server has been seen to send.
                json.WriteRawValue(float.IsNaN(component) ? "NaN" : component > 0 ? "Infinity" : "-Infinity", skipInputValidation: true);
        }

        json.WriteEndArray();
    }
}
