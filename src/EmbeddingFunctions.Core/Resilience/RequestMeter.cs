using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Resilience;

/// <summary>Counts a batch's requests and the tokens charged for them, retries included. It travels in the options of the calls.</summary>
internal sealed class RequestMeter
{
    private const string Name = "meter";
    private const string TokensName = "tokens";

    public int Requests { get; private set; }

    public long Tokens { get; private set; }

    public static RequestMeter? Of(EmbeddingGenerationOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(Name, out RequestMeter? meter) == true ? meter : null;

    /// <returns>The tokens of a request's texts; null: the caller did not count them.</returns>
    public static int? TokensOf(EmbeddingGenerationOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(TokensName, out int tokens) == true ? tokens : null;

    /// <param name="model">The provider's name of it.</param>
    /// <param name="dimensions">Of the vectors.</param>
    /// <param name="tokens">Of the request's texts, as counted or estimated; null: unknown.</param>
    public EmbeddingGenerationOptions Options(string model, int dimensions, int? tokens = null) =>
        new() { ModelId = model, Dimensions = dimensions, AdditionalProperties = new() { [Name] = this, [TokensName] = tokens } };

    public void Sent() => Requests++;

    public void Paid(int tokens) => Tokens += tokens;
}
