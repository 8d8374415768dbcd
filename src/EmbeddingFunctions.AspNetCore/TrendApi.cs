using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The part of the HTTP API about what was done over time.</summary>
internal sealed class TrendApi(CorpusSet corpora, ResolvedCorpora resolved, TrendReport report, RequestGuard guard)
{
    /// <summary>GET <see cref="Routes.Trends"/>: a point for each step of <c>?days=</c> 1, 7 or 30, of <c>?corpus=</c> or of all.</summary>
    public Task<IResult> Get(HttpRequest request, CancellationToken cancellation) => guard.Serve(request, async () =>
    {
        var days = request.Query["days"].FirstOrDefault() is { Length: > 0 } text ? text : "1";
        if (!int.TryParse(days, out var number) || !TrendReport.Steps.ContainsKey(number))
        {
            return Replies.Invalid("days", $"days is '{days}'; it takes {string.Join(", ", TrendReport.Steps.Keys)}.");
        }

        if (request.Query["corpus"].FirstOrDefault() is not { Length: > 0 } name)
        {
            return Replies.Json(request, await report.Of(await resolved.Migrated(cancellation), number, cancellation));
        }

        return corpora.Find(name) is null ? Replies.Invalid("corpus", corpora.Unknown(name))
            : Replies.Json(request, await report.Of(corpora.GenerationsOf(name), number, cancellation));
    }, cancellation);
}
