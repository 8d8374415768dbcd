using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Answers in JSON; faults as problem details (RFC 9457).</summary>
internal static class Replies
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private const int TagBytes = 12;

    /// <summary>The title of a 400.</summary>
    public const string Unusable = "The request cannot be used.";

    public static IResult Json(object value, int status = StatusCodes.Status200OK) => TypedResults.Json(value, _json, statusCode: status);

    /// <summary>200 with a tag of the body, or 304 where the caller has that body already.</summary>
    public static IResult Json(HttpRequest request, object value)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, _json);
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(body)[..TagBytes])}\"", isWeak: true);
        var (asked, answer) = (request.GetTypedHeaders(), request.HttpContext.Response);
        answer.GetTypedHeaders().ETag = tag;
        answer.Headers.CacheControl = "private, no-cache";
        return asked.IfNoneMatch.Any(known => known.Compare(tag, useStrongComparison: false))
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Bytes(body, "application/json; charset=utf-8");
    }

    /// <returns>The text that <see cref="Json(object, int)"/> answers.</returns>
    public static string Text(object value) => JsonSerializer.Serialize(value, _json);

    public static IResult Problem(int status, string title, string detail) =>
        TypedResults.Problem(detail, statusCode: status, title: title);

    /// <summary>503: the same request may be answered a moment later.</summary>
    public static IResult TryAgain(HttpRequest request, string title, string detail)
    {
        request.HttpContext.Response.Headers.RetryAfter = "2";
        return Problem(StatusCodes.Status503ServiceUnavailable, title, detail);
    }

    public static IResult Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        TypedResults.ValidationProblem(
            errors.ToDictionary(), detail: string.Join(' ', errors.Values.SelectMany(reasons => reasons)),
            title: Unusable);

    public static IResult Invalid(string field, string reason) => Invalid(new Dictionary<string, string[]> { [field] = [reason] });
}
