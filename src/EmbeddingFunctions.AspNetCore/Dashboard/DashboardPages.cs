using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The dashboard's files within this assembly. They tell no secret: what they show, they ask for.</summary>
internal static class DashboardPages
{
    // Nothing but these files, and no markup made from a text: the rows that are shown may hold anything.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private const int TagBytes = 12;

    public static void MapPages(this IEndpointRouteBuilder routes)
    {
        var page = Encoding.UTF8.GetString(Read("index.html"));
        routes.MapGet("", (HttpContext context) => File(context, Page(page, context.Request), "text/html; charset=utf-8"));
        routes.Map("dashboard.js", "text/javascript; charset=utf-8");
        routes.Map("dashboard.css", "text/css; charset=utf-8");
    }

    private static void Map(this IEndpointRouteBuilder routes, string file, string type)
    {
        var bytes = Read(file);
        routes.MapGet(file, (HttpContext context) => File(context, bytes, type));
    }

    private static byte[] Read(string file)
    {
        using var stream = typeof(DashboardPages).Assembly.GetManifestResourceStream($"dashboard/{file}")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    // Relative to whatever address the page has, behind a proxy too.
    private static byte[] Page(string page, HttpRequest request)
    {
        var last = $"{request.Path}".Split('/')[^1];
        var folder = last.Length == 0 ? "" : $"{WebUtility.HtmlEncode(Uri.EscapeDataString(last))}/";
        return Encoding.UTF8.GetBytes(page.Replace("{base}", folder, StringComparison.Ordinal));
    }

    private static IResult File(HttpContext context, byte[] bytes, string type)
    {
        var headers = context.Response.Headers;
        (headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers["Referrer-Policy"]) = (Policy, "nosniff", "no-referrer");
        (headers["Cross-Origin-Opener-Policy"], headers["Cross-Origin-Resource-Policy"]) = ("same-origin", "same-origin");
        headers.CacheControl = "no-cache";
        var tag = Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, TagBytes));
        return TypedResults.Bytes(bytes, type, entityTag: new EntityTagHeaderValue($"\"{tag}\""));
    }
}
