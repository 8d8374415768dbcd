using System.Net;
using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Settings;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>
/// Lets requests in that carry the local server's key; where it has none, those of programs on this machine, but of no web page that is
/// open on it and no proxy.
/// </summary>
internal sealed class ApiKeyGate
{
    private const string KeyHeader = "x-functions-key";

    // A proxy on this machine may forward requests of any other.
    private static readonly string[] _proxies = [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"];

    private readonly byte[]? _key;

    /// <param name="settings">May have the key.</param>
    /// <param name="url">Where the server is to listen.</param>
    /// <param name="hasKey">Whether it makes a key of its own where none is set.</param>
    /// <exception cref="SettingsException">Other machines could ask, and no key is set.</exception>
    public ApiKeyGate(EmbeddingSettings settings, string url, bool hasKey)
    {
        MadeKey = settings.ServerKey is null && hasKey ? ServerKeyFile.NewKey() : null;
        _key = (settings.ServerKey ?? MadeKey) is { } key ? Digest(key) : null;
        if (
            settings.ServerKey is null
                && !IsLoopback(
                    new Uri(url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal))
                        .Host))
        {
            throw new SettingsException(
                [
                    $"EMBEDDINGS_API_KEY is not set, and {url} lets other machines in: set a random key of at least 16 characters, which "
                        + $"requests then carry in the header {KeyHeader}."]);
        }
    }

    /// <summary>The key, if it was made here.</summary>
    public string? MadeKey { get; }

    public Task Check(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (request.Path.Value?.TrimEnd('/') == $"/{Routes.Host}/{Routes.Health}" || IsKnown(request))
        {
            return next(context);
        }

        return (_key is null
            ? Results.Problem(
                "Without a key only programs of this machine are let in: no web page, no proxy, no other name than localhost.",
                statusCode: StatusCodes.Status403Forbidden)
            : Results.Problem($"Send the server's key in the header {KeyHeader}: EMBEDDINGS_API_KEY or, where that is not set, "
                + "the key in the file that the server named at its start.", statusCode: StatusCodes.Status401Unauthorized))
                    .ExecuteAsync(context);
    }

    // Digests are of one length, so that the comparison's time tells nothing about the key.
    private bool IsKnown(HttpRequest request) => _key is not null
        ? CryptographicOperations.FixedTimeEquals(Digest(request.Headers[KeyHeader].ToString()), _key)
        : IsLoopback(request.Host.Host) && !IsOfAWebPage(request) && !_proxies.Any(request.Headers.ContainsKey);

    private static bool IsOfAWebPage(HttpRequest request) =>
        request.Headers.Origin.Count > 0 || request.Headers["Sec-Fetch-Site"].FirstOrDefault() is not (null or "none");

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
