using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Testing;

/// <summary>What a client sent, read leniently; <see cref="Problem"/> says why it could not be understood.</summary>
internal sealed class EmbeddingsRequest
{
    private const string BearerPrefix = "Bearer ";

    public string? PresentedKey { get; private init; }

    public string? WorkerId { get; private init; }

    public string Model { get; private set; } = "";

    public IReadOnlyList<string> Texts { get; private set; } = [];

    public IReadOnlyList<TextHash> Hashes { get; private set; } = [];

    public IReadOnlyList<int> TokensOfTexts { get; private set; } = [];

    public int Tokens => TokensOfTexts.Sum();

    /// <summary>As sent; null if not sent.</summary>
    public int? Dimensions { get; private set; }

    public string Format { get; private set; } = "float";

    public Refusal? Problem { get; private set; }

    public static async Task<EmbeddingsRequest> ReadAsync(HttpContext http, FakeOpenAiOptions options)
    {
        var request = new EmbeddingsRequest
        {
            PresentedKey = http.Request.Headers["api-key"].FirstOrDefault() ?? Bearer(http.Request.Headers.Authorization),
            WorkerId = http.Request.Headers["x-worker-id"].FirstOrDefault(),
        };
        try
        {
            using var json = await JsonDocument.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted);
            request.Read(json.RootElement, options);
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException is also how a lone surrogate in a JSON string shows itself.
            request.Problem = Refusals.InvalidJson;
        }

        return request;
    }

    /// <summary>The body of a line of a batch.</summary>
    public static EmbeddingsRequest Of(JsonElement body, FakeOpenAiOptions options)
    {
        var request = new EmbeddingsRequest();
        request.Read(body, options);
        return request;
    }

    private void Read(JsonElement root, FakeOpenAiOptions options)
    {
        if (root.TryGetProperty("dimensions", out var dimensions) && dimensions.ValueKind != JsonValueKind.Null)
            Dimensions = dimensions.GetInt32();
        if (root.TryGetProperty("encoding_format", out var format) && format.ValueKind != JsonValueKind.Null)
            Format = format.GetString()!;
        if (root.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.String)
            Model = model.GetString()!;
        else
            Problem = Refusals.MissingModel;

        if (root.TryGetProperty("input", out var input) && ReadTexts(input) is { } texts)
        {
            Texts = texts;
            Hashes = [.. texts.Select(TextHash.Of)];
            TokensOfTexts = [.. texts.Select(options.CountTokens)];
        }
        else
        {
            Problem ??= Refusals.InvalidInput;
        }
    }

    private static List<string>? ReadTexts(JsonElement input)
    {
        if (input.ValueKind == JsonValueKind.String)
            return [input.GetString()!];
        if (input.ValueKind != JsonValueKind.Array)
            return null;

        var texts = new List<string>(input.GetArrayLength());
        foreach (var item in input.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String)
                return null;
            texts.Add(item.GetString()!);
        }

        return texts;
    }

    private static string? Bearer(string? header) =>
        header is not null && header.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase)
            ? header[BearerPrefix.Length..].Trim()
            : null;
}
