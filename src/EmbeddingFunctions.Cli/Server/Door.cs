using System.Net;
using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Http;
using EmbeddingFunctions.Settings;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>Who may ask the local server: holders of the key; without one, programs of this machine, but no web page that is open on it.</summary>
internal sealed class Door
{
    private const string KeyHeader = "x-functions-key";

    private readonly byte[]? _key;

    /// <exception cref="SettingsException">Other machines could ask, and no key is set.</exception>
    public Door(EmbeddingSettings settings, string url)
    {
        _key = settings.ServerKey is { } key ? Digest(key) : null;
        if (_key is null && !IsLoopback(new Uri(url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal)).Host))
        {
            throw new SettingsException([$"EMBEDDINGS_API_KEY is not set, and {url} lets other machines in: set a random key of at least 16 characters, which requests then carry in the header {KeyHeader}."]);
        }
    }

    public Task Check(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (request.Path.Value?.TrimEnd('/') == $"/{Routes.Prefix}/{Routes.Health}" || IsKnown(request))
        {
            return next(context);
        }

        context.Response.StatusCode = _key is null ? StatusCodes.Status403Forbidden : StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    // Digests are of one length, so that the comparison's time tells nothing about the key.
    private bool IsKnown(HttpRequest request) => _key is not null
        ? CryptographicOperations.FixedTimeEquals(Digest(request.Headers[KeyHeader].ToString()), _key)
        : IsLoopback(request.Host.Host) && request.Headers.Origin.Count == 0;

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
