using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>A signed cookie that stands for a key until it expires; the key itself is in none.</summary>
internal static class DashboardSession
{
    public static readonly TimeSpan Life = TimeSpan.FromHours(12);

    // Of role, expiry and signature.
    private const int Parts = 3;

    public static string Token(DashboardRole role, DateTimeOffset expires, byte[] secret)
    {
        var claim = $"{role}.{expires.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)}";
        return $"{claim}.{Base64Url.EncodeToString(Sign(claim, secret))}";
    }

    /// <returns>The role of a token that the door's secret has signed and that has not expired; else null.</returns>
    public static async ValueTask<DashboardRole?> RoleOf(
        string? token, IDashboardDoor door, DateTimeOffset now, CancellationToken cancellation)
    {
        if (token?.Split('.') is not { Length: Parts } parts || !Enum.TryParse<DashboardRole>(parts[0], out var role)
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var expires)
            || expires <= now.ToUnixTimeSeconds() || await door.Secret(role, cancellation) is not { } secret)
        {
            return null;
        }

        var expected = Token(role, DateTimeOffset.FromUnixTimeSeconds(expires), secret);
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), Encoding.UTF8.GetBytes(token)) ? role : null;
    }

    public static string? Read(HttpRequest request) => request.Cookies[Name(request)];

    public static void Set(HttpContext context, string path, string token) =>
        context.Response.Cookies.Append(Name(context.Request), token, Options(context.Request, path, Life));

    public static void Remove(HttpContext context, string path) =>
        context.Response.Cookies.Delete(Name(context.Request), Options(context.Request, path, null));

    // Cookies are of a host's name, whatever its port: two servers of a machine keep theirs apart.
    private static string Name(HttpRequest request) => $"embeddings-{request.Host.Port ?? 0}";

    private static CookieOptions Options(HttpRequest request, string path, TimeSpan? age) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        // Before a proxy that ends TLS, its header says so.
        Secure = request.IsHttps || request.Headers["X-Forwarded-Proto"] == "https",
        Path = path,
        MaxAge = age,
        IsEssential = true,
    };

    private static byte[] Sign(string claim, byte[] secret) => HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(claim));
}
