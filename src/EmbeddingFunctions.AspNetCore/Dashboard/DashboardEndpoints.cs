using System.Threading.RateLimiting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The dashboard's pages, and the HTTP API below them for those whom a door lets in.</summary>
internal sealed class DashboardEndpoints(IDashboardDoor door, TimeProvider time)
{
    public const string DefaultPrefix = "/embeddings";

    private const string PageHeader = "x-embeddings-page";
    private const int WrongKeysPerMinute = 10;

    // Guessing is slowed by address; others are not kept out by it.
    private readonly PartitionedRateLimiter<HttpContext> _wrongKeys = PartitionedRateLimiter.Create<HttpContext, string>(context =>
        RateLimitPartition.GetFixedWindowLimiter($"{context.Connection.RemoteIpAddress}", _ => new FixedWindowRateLimiterOptions
        {
            PermitLimit = WrongKeysPerMinute,
            Window = TimeSpan.FromMinutes(1),
        }));

    /// <param name="hasSearch">Whether those who may do all may search here too, with their session.</param>
    public RouteGroupBuilder Map(
        IEndpointRouteBuilder endpoints, string prefix, EmbeddingsApi api, IRunEngine engine, bool hasSearch = false)
    {
        var routes = endpoints.MapGroup(prefix).ExcludeFromDescription();
        routes.MapPages();
        var data = routes.MapGroup("api");
        data.AddEndpointFilter(Guard);
        data.MapGet("session", (HttpContext context, CancellationToken c) => GetSession(context, c));
        data.MapPost("login", (HttpContext context, CancellationToken c) => Login(context, c));
        // Where the host itself checks keys, the one that may only look comes here.
        data.MapPost("login/read", (HttpContext context, CancellationToken c) => Login(context, c));
        data.MapPost("logout", (HttpContext context) =>
        {
            DashboardSession.Remove(context, CookiePath(context.Request));
            return Replies.Json(new { });
        });
        var guarded = data.MapGroup("");
        guarded.AddEndpointFilter(Admit);
        guarded.MapOperations("", api, engine);
        if (hasSearch)
        {
            MapSearch(guarded.MapGroup(""), api.Searches);
        }

        // A page that is newer than this host asks for what it has not.
        guarded.Map("{**path}", (HttpRequest request, CancellationToken c) =>
            Replies.Problem(StatusCodes.Status404NotFound, "Not found.", $"This host has no {request.Path}."));
        return routes;
    }

    // Not with the metadata of search keys: here a session counts.
    private static void MapSearch(RouteGroupBuilder routes, SearchApi api)
    {
        routes.AddEndpointFilter(AdmitToTexts);
        routes.MapPost(Routes.Search, (HttpRequest request, CancellationToken c) => api.Search(request, SearchScope.All, c));
        routes.MapGet(Routes.Corpora, (HttpRequest request, CancellationToken c) => api.Corpora(request, SearchScope.All, c));
    }

    private async Task<IResult> GetSession(HttpContext context, CancellationToken cancellation)
    {
        var role = await RoleOf(context, cancellation);
        return role is null && !door.HasLogin ? Refused(StatusCodes.Status403Forbidden, door.Hint(context))
            : Replies.Json(new { Role = role, door.HasLogin, Hint = role is null ? door.Hint(context) : null });
    }

    private async Task<IResult> Login(HttpContext context, CancellationToken cancellation)
    {
        if (_wrongKeys.GetStatistics(context) is { CurrentAvailablePermits: 0 })
        {
            context.Response.Headers.RetryAfter = "60";
            return Replies.Problem(StatusCodes.Status429TooManyRequests, "Too many tries.", "Wait for a minute before the next try.");
        }

        if (await door.RoleOfKey(context) is not { } role)
        {
            using var spent = _wrongKeys.AttemptAcquire(context);
            return Refused(StatusCodes.Status401Unauthorized, "This key is not known here.");
        }

        if (await door.Secret(role, cancellation) is not { } secret)
        {
            return Replies.Problem(
                StatusCodes.Status503ServiceUnavailable, "Sign-in is not possible now.",
                "Sessions are signed by a secret of the database, which does not answer or was never migrated: run 'embeddings migrate'.");
        }

        DashboardSession.Set(
            context, CookiePath(context.Request), DashboardSession.Token(role, time.GetUtcNow() + DashboardSession.Life, secret));
        return Replies.Json(new { Role = role });
    }

    private async ValueTask<DashboardRole?> RoleOf(HttpContext context, CancellationToken cancellation) =>
        await door.RoleOf(context)
        ?? await DashboardSession.RoleOf(DashboardSession.Read(context.Request), door, time.GetUtcNow(), cancellation);

    // A request that changes something comes from the page itself: no other site can send its header, or hide where it comes from.
    private static ValueTask<object?> Guard(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        var request = call.HttpContext.Request;
        call.HttpContext.Response.Headers.XContentTypeOptions = "nosniff";
        return IsSafe(request) || (request.Headers.ContainsKey(PageHeader) && IsOfThisSite(request)) ? next(call)
            : ValueTask.FromResult<object?>(Refused(
                StatusCodes.Status403Forbidden, $"Only the dashboard's own page may send this, with the header {PageHeader}."));
    }

    private async ValueTask<object?> Admit(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        var context = call.HttpContext;
        if (await RoleOf(context, context.RequestAborted) is not { } role)
        {
            return Refused(door.HasLogin ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden, door.Hint(context));
        }

        if (role == DashboardRole.Reader && !IsSafe(context.Request))
        {
            return Refused(StatusCodes.Status403Forbidden, "You may look at figures, and neither change anything nor see texts.");
        }

        context.Features.Set<ShownTo>(new ShownTo(role));
        return await next(call);
    }

    private static ValueTask<object?> AdmitToTexts(EndpointFilterInvocationContext call, EndpointFilterDelegate next) =>
        call.HttpContext.Features.Get<ShownTo>() is { Role: DashboardRole.Operator } ? next(call)
            : ValueTask.FromResult<object?>(Refused(
                StatusCodes.Status401Unauthorized, "Your key may look at figures only: search with a search key, or the server's own."));

    private static bool IsSafe(HttpRequest request) => HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);

    // Browsers tell where a request comes from; old ones by its origin alone. A proxy may have ended TLS, so the scheme may differ.
    private static bool IsOfThisSite(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].FirstOrDefault() is { } site ? site == "same-origin"
        : request.Headers.Origin.FirstOrDefault() is not { } origin
            || (Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority == request.Host.Value);

    // The page's own address: what comes before its API.
    private static string CookiePath(HttpRequest request)
    {
        var path = $"{request.PathBase}{request.Path}";
        return path[..path.LastIndexOf("/api/", StringComparison.OrdinalIgnoreCase)];
    }

    private static IResult Refused(int status, string why) => Replies.Problem(
        status, status == StatusCodes.Status401Unauthorized ? "Sign in first." : "You may not do this.", why);
}

/// <summary>Who gets the answer, for what is shown to some only.</summary>
internal sealed record ShownTo(DashboardRole Role);
