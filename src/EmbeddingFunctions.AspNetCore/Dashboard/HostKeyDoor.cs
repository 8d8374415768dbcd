using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Settings;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>
/// Lets in those whose key the host itself has checked, as the Functions host does, and holders of the key that may only look. Sessions are
/// signed by a secret of the database, so that all of an app's processes know them.
/// </summary>
internal sealed class HostKeyDoor(CacheKey database, EmbeddingSettings settings) : IDashboardDoor
{
    public const string KeyHeader = "x-functions-key";

    public bool HasLogin => true;

    // A request with the host's key goes to the HTTP API, not here.
    public ValueTask<DashboardRole?> RoleOf(HttpContext context) => new((DashboardRole?)null);

    public ValueTask<DashboardRole?> RoleOfKey(HttpContext context) => new(
        context.Features.Get<CheckedByHost>() is not null ? DashboardRole.Operator
        : settings.ReadKey is { } key && Digest(context.Request.Headers[KeyHeader].ToString()) is var sent
            && CryptographicOperations.FixedTimeEquals(sent, Digest(key)) ? DashboardRole.Reader
        : null);

    // Another key to look with ends the sessions of the old one.
    public ValueTask<byte[]?> Secret(DashboardRole role, CancellationToken cancellation) =>
        role == DashboardRole.Operator ? database.Derive("dashboard", cancellation)
        : settings.ReadKey is { } key ? database.Derive($"dashboard {key}", cancellation)
        : new((byte[]?)null);

    public string Hint(HttpContext context) =>
        "A function key or host key of this app: it is in the Azure portal under App keys. With EMBEDDINGS_READ_KEY one may only look.";

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

/// <summary>Marks a request whose key the host has checked before it passed it on.</summary>
internal sealed class CheckedByHost;
