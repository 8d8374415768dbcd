using System.Buffers;
using System.Text.Json;

namespace EmbeddingFunctions.Testing;

/// <summary>The reply with vectors, open to change before it is written.</summary>
internal sealed class Answer
{
    private Answer(EmbeddingsRequest request, int dimensions)
    {
        Request = request;
        Base64 = request.Format == "base64";
        Items = [.. request.Hashes.Select((hash, i) => new AnswerItem(i, FakeVector.Of(hash, request.Model, dimensions)))];
    }

    public EmbeddingsRequest Request { get; }

    public List<AnswerItem> Items { get; }

    public bool Base64 { get; set; }

    public static Answer To(ArrivedRequest request) => new(request.Sent, request.Entry.Dimensions);

    public static Answer Of(EmbeddingsRequest request, FakeOpenAiOptions options) => new(request, Contract.Dimensions(request, options));

    public void WriteTo(IBufferWriter<byte> output)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (var item in Items)
            item.WriteTo(json, Base64);
        json.WriteEndArray();
        json.WriteString("model"u8, Request.Model);
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, Request.Tokens);
        json.WriteNumber("total_tokens"u8, Request.Tokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
