using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>
/// Lets requests in that carry the local server's key; where it has none, those of programs on this machine and of its own search page,
/// but of no other web page that is open on it and no proxy. A search key opens the routes of search alone.
/// </summary>
internal sealed class ApiKeyGate
{
    public const string KeyHeader = "x-functions-key";

    private readonly byte[]? _key;
    private readonly byte[]? _readKey;
    private readonly SearchKeys _searchKeys;
    private readonly bool _isLocal;

    /// <param name="settings">May have the key.</param>
    /// <param name="searchKeys">Keys that may only search.</param>
    /// <param name="url">Where the server is to listen.</param>
    /// <param name="hasKey">Whether it makes a key of its own where none is set.</param>
    /// <exception cref="SettingsException">Other machines could ask, and no key is set.</exception>
    public ApiKeyGate(EmbeddingSettings settings, SearchKeys searchKeys, string url, bool hasKey)
    {
        MadeKey = settings.ServerKey is null && hasKey ? ServerKeyFile.NewKey() : null;
        _key = (settings.ServerKey ?? MadeKey) is { } key ? Digest(key) : null;
        _readKey = settings.ReadKey is { } readKey ? Digest(readKey) : null;
        _searchKeys = searchKeys;
        _isLocal = LocalRequest.IsLoopback(
            new Uri(url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal)).Host);
        if (settings.ServerKey is null && !_isLocal)
        {
            throw new SettingsException(
                [
                    $"EMBEDDINGS_API_KEY is not set, and {url} lets other machines in: set a random key of at least 16 characters, which "
                        + $"requests then carry in the header {KeyHeader}."]);
        }
    }

    /// <summary>The key, if it was made here.</summary>
    public string? MadeKey { get; }

    /// <summary>Whether it asks for a key at all.</summary>
    public bool HasKey => _key is not null;

    /// <summary>Asked once the endpoint of the request is known.</summary>
    public Task Check(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var admission = context.GetEndpoint()?.Metadata.GetMetadata<Admission>();
        if (admission == Admission.Everyone)
        {
            return next(context);
        }

        if (admission == Admission.SearchKeys && request.Headers.ContainsKey(SearchKeys.Header))
        {
            if ((Carries(request, SearchKeys.Header) ? SearchScope.All : _searchKeys.ScopeOf(request)) is not { } scope)
            {
                return Refuse(context, StatusCodes.Status401Unauthorized, $"The key in the header {SearchKeys.Header} is not known here.");
            }

            context.Features.Set(scope);
            return next(context);
        }

        return RoleOf(request) switch
        {
            DashboardRole.Operator => next(context),
            DashboardRole.Reader when HttpMethods.IsGet(request.Method) && admission != Admission.SearchKeys => Look(context, next),
            DashboardRole.Reader => Refuse(
                context, StatusCodes.Status403Forbidden, "This key may look at figures, and neither change anything nor see texts."),
            _ => _key is null
                ? Refuse(context, StatusCodes.Status403Forbidden,
                    "Without a key only programs of this machine are let in: no web page, no proxy, no other name than localhost.")
                : Refuse(context, StatusCodes.Status401Unauthorized,
                    $"Send the server's key in the header {KeyHeader}: EMBEDDINGS_API_KEY or, where that is not set, the key in the file "
                        + "that the server named at its start. A search may carry a search key instead, in the header "
                        + $"{SearchKeys.Header}."),
        };
    }

    /// <returns>What the key of the request, or the lack of any, lets its sender do; null: nothing.</returns>
    public DashboardRole? RoleOf(HttpRequest request) =>
        _key is null ? IsOfThisMachine(request) ? DashboardRole.Operator : null
        : Carries(request, KeyHeader) ? DashboardRole.Operator
        : Carries(request, KeyHeader, _readKey) ? DashboardRole.Reader
        : null;

    /// <returns>The SHA-256 of a role's key, or null.</returns>
    public byte[]? DigestOf(DashboardRole role) => role == DashboardRole.Operator ? _key : _readKey;

    /// <summary>
    /// Whether a request of an agent is none that a web page made a browser send, under a name made to point at this machine or from
    /// another origin.
    /// </summary>
    public bool IsOfAnAgent(HttpRequest request) => !IsOfAnotherPage(request) && (!_isLocal || LocalRequest.IsLoopback(request.Host.Host));

    private static bool IsOfThisMachine(HttpRequest request) =>
        LocalRequest.IsLoopback(request.Host.Host) && !IsOfAnotherPage(request) && !LocalRequest.IsForwarded(request);

    private bool Carries(HttpRequest request, string header) => Carries(request, header, _key);

    // Digests are of one length, so that the comparison's time tells nothing about the key.
    private static bool Carries(HttpRequest request, string header, byte[]? key) =>
        key is not null && CryptographicOperations.FixedTimeEquals(Digest(KeyIn(request, header)), key);

    // Prometheus and other programs send keys in the header for them.
    private static string KeyIn(HttpRequest request, string header) =>
        request.Headers[header].FirstOrDefault()
        ?? (AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out var sent)
            && sent is { Scheme: "Bearer", Parameter: { } key }
            ? key : "");

    private static Task Look(HttpContext context, RequestDelegate next)
    {
        context.Features.Set(new ShownTo(DashboardRole.Reader));
        return next(context);
    }

    // Its own page is of the same origin, which the host's name is a part of.
    private static bool IsOfAnotherPage(HttpRequest request) =>
        request.Headers.Origin.Any(origin => origin != $"{request.Scheme}://{request.Host}")
        || request.Headers["Sec-Fetch-Site"].FirstOrDefault() is not (null or "none" or "same-origin");

    private static Task Refuse(HttpContext context, int status, string why) =>
        Results.Problem(why, statusCode: status).ExecuteAsync(context);

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
