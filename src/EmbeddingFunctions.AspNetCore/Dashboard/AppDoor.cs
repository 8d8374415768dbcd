using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Lets in whom the app's authorization lets in; where the app asks for none, only programs of this machine.</summary>
/// <param name="mayWrite">Says who may change something; null: all who are let in.</param>
internal sealed class AppDoor(Func<HttpContext, ValueTask<bool>>? mayWrite) : IDashboardDoor
{
    public bool HasLogin => false;

    public async ValueTask<DashboardRole?> RoleOf(HttpContext context) =>
        !IsAuthorized(context) && !LocalRequest.Is(context) ? null
        : mayWrite is null || await mayWrite(context) ? DashboardRole.Operator : DashboardRole.Reader;

    public ValueTask<DashboardRole?> RoleOfKey(HttpContext context) => new((DashboardRole?)null);

    public ValueTask<byte[]?> Secret(DashboardRole role, CancellationToken cancellation) => new((byte[]?)null);

    public string Hint(HttpContext context) =>
        "Without MapEmbeddingsDashboard().RequireAuthorization() only programs of this machine are let in, and through no proxy.";

    // It has passed the app's middleware: without that, ASP.NET Core refuses an endpoint with such metadata.
    private static bool IsAuthorized(HttpContext context) =>
        context.GetEndpoint()?.Metadata is { } metadata
        && (metadata.GetMetadata<IAuthorizeData>() is not null || metadata.GetMetadata<AuthorizationPolicy>() is not null
            || metadata.GetMetadata<IAllowAnonymous>() is not null);
}

/// <summary>Tells requests of programs on this machine.</summary>
internal static class LocalRequest
{
    // A proxy on this machine may forward requests of any other.
    private static readonly string[] _proxies = [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"];

    /// <summary>Neither through a proxy that says so, nor under a name that was made to point here.</summary>
    public static bool Is(HttpContext context) =>
        (context.Connection.RemoteIpAddress is not { } from || IPAddress.IsLoopback(from)) && IsLoopback(context.Request.Host.Host)
        && !IsForwarded(context.Request);

    public static bool IsForwarded(HttpRequest request) => _proxies.Any(request.Headers.ContainsKey);

    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
