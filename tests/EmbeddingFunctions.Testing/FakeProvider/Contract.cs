namespace EmbeddingFunctions.Testing;

/// <summary>The endpoint's rules for a request, in the order it is held against them.</summary>
internal static class Contract
{
    public static Refusal? Check(EmbeddingsRequest request, FakeOpenAiOptions options) =>
        request.Problem ?? CheckShape(request, options) ?? CheckModel(request, options) ?? CheckTokens(request, options);

    /// <summary>The dimensions a request asks for, or else its model's own; 0 for an unknown model.</summary>
    public static int Dimensions(EmbeddingsRequest request, FakeOpenAiOptions options) =>
        request.Dimensions ?? options.Models.GetValueOrDefault(request.Model);

    private static Refusal? CheckShape(EmbeddingsRequest request, FakeOpenAiOptions options)
    {
        if (request.Texts.Count == 0 || request.Texts.Count > options.MaxInputs || request.Texts.Contains(""))
            return Refusals.InvalidInput;
        return request.Format is "float" or "base64" ? null : Refusals.InvalidFormat(request.Format);
    }

    private static Refusal? CheckModel(EmbeddingsRequest request, FakeOpenAiOptions options)
    {
        if (!options.Models.TryGetValue(request.Model, out var native))
            return Refusals.UnknownModel(request.Model);
        if (request.Dimensions is not { } asked)
            return null;
        if (request.Model == "text-embedding-ada-002")
            return Refusals.DimensionsNotSupported;
        return asked < 1 || asked > native ? Refusals.DimensionsOutOfRange(asked, native) : null;
    }

    private static Refusal? CheckTokens(EmbeddingsRequest request, FakeOpenAiOptions options)
    {
        var longest = request.TokensOfTexts.Max();
        if (longest > options.MaxInputTokens)
            return Refusals.TooLong(longest, options.MaxInputTokens);
        var estimate = request.Texts.Sum(FakeTokens.Estimate);
        return estimate > options.MaxRequestTokens ? Refusals.TooManyTokens(estimate, options.MaxRequestTokens) : null;
    }
}
