using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Reads a small JSON body, or says why not.</summary>
internal static class RequestBody
{
    /// <param name="request">Whose body is read.</param>
    /// <param name="maxBytes">The most that is read.</param>
    /// <param name="what">The body is called so in the refusal of a longer one.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <returns>The document, or the answer that refuses it.</returns>
    public static async Task<(JsonDocument? Json, IResult? Refusal)> Read(
        HttpRequest request, int maxBytes, string what, CancellationToken cancellation)
    {
        if (await ReadBytes(request, maxBytes, cancellation) is not { } bytes)
        {
            return (
                null,
                Replies.Problem(
                    StatusCodes.Status413PayloadTooLarge, "The body is too large.", $"{what} is at most {maxBytes:N0} bytes long."));
        }

        try
        {
            var json = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            ReadTexts(json.RootElement);
            return (json, null);
        }
        catch (InvalidOperationException)
        {
            return (null, Replies.Invalid("$", "The body holds text that is no Unicode."));
        }
        catch (JsonException e)
        {
            return (
                null,
                Replies.Invalid("$", $"The body is no JSON object: {(bytes.Length == 0 ? "it is empty; send at least {}." : e.Message)}"));
        }
    }

    /// <returns>The fields that a body of a type may have.</returns>
    public static string[] FieldsOf<T>() =>
        [.. typeof(T).GetProperties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name))];

    // The parser lets pass what is no Unicode, and every reader trips over it.
    private static void ReadTexts(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                json.GetString();
                break;
            case JsonValueKind.Array:
                json.EnumerateArray().ToList().ForEach(ReadTexts);
                break;
            case JsonValueKind.Object:
                foreach (var property in json.EnumerateObject())
                {
                    _ = property.Name;
                    ReadTexts(property.Value);
                }

                break;
        }
    }

    // Whatever length the sender declares, no more than is taken is ever read.
    private static async Task<byte[]?> ReadBytes(HttpRequest request, int maxBytes, CancellationToken cancellation)
    {
        if (request.ContentLength > maxBytes)
        {
            return null;
        }

        var buffer = new byte[maxBytes + 1];
        var length = await request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation);
        return length > maxBytes ? null : buffer[..length];
    }
}
