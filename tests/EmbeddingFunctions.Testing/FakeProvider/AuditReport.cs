using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Testing;

/// <summary>The audit in figures, for a test that started the fake as another process: <c>GET /audit</c>, no key needed.</summary>
internal static class AuditReport
{
    public static Task SendAsync(HttpContext http, RequestAudit audit)
    {
        var requests = audit.Snapshot();
        return http.Response.WriteAsJsonAsync(new
        {
            requests = requests.Length,
            maxInFlight = audit.MaxInFlight,
            paidInputs = audit.PaidInputCount,
            duplicatePaidInputs = audit.DuplicatePaidInputs,
            statuses = requests.CountBy(request => request.Status ?? 0).ToDictionary(count => $"{count.Key}", count => count.Value),
        });
    }
}
