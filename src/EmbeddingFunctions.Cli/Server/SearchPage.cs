using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>A page to search with: three files within this program, which ask the HTTP API as any other client does.</summary>
internal static class SearchPage
{
    public const string Path = "/embeddings/search";

    // Nothing but these files, and no markup made from a text: the rows that are shown may hold anything.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    /// <summary>
    /// It tells no secret: what it shows, it asks for with the key that a person enters, or with the session of the dashboard.
    /// </summary>
    public static void MapSearchPage(this IEndpointRouteBuilder routes)
    {
        routes.Map(Path, "index.html", "text/html; charset=utf-8");
        routes.Map($"{Path}/search.css", "search.css", "text/css; charset=utf-8");
        routes.Map($"{Path}/search.js", "search.js", "text/javascript; charset=utf-8");
    }

    private static void Map(this IEndpointRouteBuilder routes, string path, string file, string type) =>
        routes.MapGet(path, (HttpContext context) =>
        {
            var headers = context.Response.Headers;
            (headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers["Referrer-Policy"]) = (Policy, "nosniff", "no-referrer");
            (headers["Cross-Origin-Opener-Policy"], headers["Cross-Origin-Resource-Policy"]) = ("same-origin", "same-origin");
            headers.CacheControl = "no-cache";
            return TypedResults.Stream(typeof(SearchPage).Assembly.GetManifestResourceStream($"page/{file}")!, type);
        }).WithMetadata(Admission.Everyone);
}
