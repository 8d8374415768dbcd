using System.Text.Json;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Search over HTTP, within what the caller may see.</summary>
internal sealed class SearchApi(ScopedSearch search, RequestGuard guard)
{
    // Room for a vector of 4,000 numbers with all their digits.
    private const int MaxBytes = 256 * 1024;

    /// <summary>POST and GET <see cref="Routes.Search"/>: items by meaning, by words or by both.</summary>
    public Task<IResult> Search(HttpRequest request, SearchScope scope, CancellationToken cancellation) =>
        Serve(request, body => body.Search(scope), search.Search, cancellation);

    /// <summary>GET <see cref="Routes.Similar"/>: items that are like one.</summary>
    public Task<IResult> Similar(
        HttpRequest request, string corpus, string kind, string id, SearchScope scope, CancellationToken cancellation) =>
        Serve(request, body => body.Similar(corpus, new ItemKey(kind, id), scope), search.Search, cancellation);

    /// <summary>POST <see cref="Routes.Embed"/>: the vector of a query, by the rule of the corpus's rows.</summary>
    public Task<IResult> Embed(HttpRequest request, SearchScope scope, CancellationToken cancellation) =>
        Serve(request, body => body.Embed(), (asked, c) => search.Embed(asked.Corpus, asked.Query, scope, c), cancellation);

    /// <summary>GET <see cref="Routes.Corpora"/>: what the caller may search, with its kinds and columns.</summary>
    public Task<IResult> Corpora(HttpRequest request, SearchScope scope, CancellationToken cancellation) =>
        Serve(request, async () => Replies.Json(new SearchableCorpora(await search.Describe(scope, cancellation))), cancellation);

    private Task<IResult> Serve<TAsked, TAnswer>(
        HttpRequest request, Func<SearchBody, TAsked> read, Func<TAsked, CancellationToken, Task<TAnswer>> answer,
        CancellationToken cancellation) where TAnswer : notnull =>
        Serve(request, async () =>
    {
        JsonDocument? json = null;
        if (!HttpMethods.IsGet(request.Method))
        {
            (json, var refusal) = await RequestBody.Read(request, MaxBytes, "A search", cancellation);
            if (json is null)
            {
                return refusal!;
            }
        }

        using (json)
        {
            var body = new SearchBody(json?.RootElement ?? SearchQuery.Read(request.Query));
            var asked = read(body);
            return body.Errors.Count > 0 ? Replies.Invalid(body.Errors) : Replies.Json(await answer(asked, cancellation));
        }
    }, cancellation);

    // Answers hold the owner's rows: no cache on the way keeps them.
    private Task<IResult> Serve(HttpRequest request, Func<Task<IResult>> serve, CancellationToken cancellation)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return guard.Serve(request, serve, cancellation);
    }
}

internal sealed record SearchableCorpora(IReadOnlyList<SearchableCorpus> Corpora);

internal sealed record QueryToEmbed(string Corpus, string Query);
