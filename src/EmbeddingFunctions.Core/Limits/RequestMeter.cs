using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Limits;

/// <summary>Counts what one batch sent and was charged, retries included; it travels in the options of its calls.</summary>
internal sealed class RequestMeter
{
    private const string Name = "meter";

    public int Requests { get; private set; }

    public long Tokens { get; private set; }

    public static RequestMeter? Of(EmbeddingGenerationOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(Name, out RequestMeter? meter) == true ? meter : null;

    public EmbeddingGenerationOptions Options(string model, int dimensions) =>
        new() { ModelId = model, Dimensions = dimensions, AdditionalProperties = new() { [Name] = this } };

    public void Sent() => Requests++;

    public void Paid(int tokens) => Tokens += tokens;
}
