using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The routes of search, each with its description for an OpenAPI document.</summary>
internal static class SearchOperations
{
    public static void MapSearch(this RouteGroupBuilder group, SearchApi api)
    {
        var routes = group.MapGroup("").WithMetadata(Admission.SearchKeys).WithTags("Search of embeddings");
        routes.MapGet(Routes.Search, (HttpRequest request, CancellationToken c) => api.Search(request, request.Scope(), c))
            .DescribeSearch<SearchResponse>("searchByAddress", "Search by an address", "The results, best first.")
            .Takes<QuestionQuery>().Takes<SearchFilters>();
        routes.MapPost(Routes.Search, (HttpRequest request, CancellationToken c) => api.Search(request, request.Scope(), c))
            .DescribeSearch<SearchResponse>("search", "Search", "The results, best first.")
            .TakesBody<SearchRequest>().TooLarge();
        routes.MapGet(
                Routes.Similar, (HttpRequest request, string corpus, string kind, string id, CancellationToken c) =>
                    api.Similar(request, corpus, kind, id, request.Scope(), c))
            .DescribeSearch<SearchResponse>(
                "similarItems", "Items that are like one", "The items, the nearest first, without the item itself and its copies.")
            .Takes<SearchFilters>();
        routes.MapPost(Routes.Embed, (HttpRequest request, CancellationToken c) => api.Embed(request, request.Scope(), c))
            .DescribeSearch<QueryVector>("embedQuery", "The vector of a query, by the rule of the corpus's rows", "The vector.")
            .TakesBody<QueryToEmbed>().TooLarge();
        routes.MapGet(Routes.Corpora, (HttpRequest request, CancellationToken c) => api.Corpora(request, request.Scope(), c))
            .DescribeScoped<SearchableCorpora>(
                "listCorpora", "What can be searched", "The corpora that the key shows and that are migrated.");
    }

    // What a host's door has found out of a request's key; everything if it asks for none.
    private static SearchScope Scope(this HttpRequest request) =>
        request.HttpContext.Features.Get<SearchScope>() ?? SearchScope.All;

    private static RouteHandlerBuilder DescribeSearch<T>(this RouteHandlerBuilder route, string id, string summary, string answer) => route
        .DescribeScoped<T>(id, summary, answer)
        .Refuses(StatusCodes.Status400BadRequest, "A field cannot be used, with what it takes.")
        .Refuses(StatusCodes.Status404NotFound, "There is no such corpus, kind or item, or the key does not show it.");

    private static RouteHandlerBuilder DescribeScoped<T>(this RouteHandlerBuilder route, string id, string summary, string answer) => route
        .Describe(
            id, summary,
            "The provider gives no vector in time, the search took too long, or the database is not ready or cannot be reached.")
        .Sends(StatusCodes.Status503ServiceUnavailable, "Retry-After", "Seconds.", isNumber: true)
        .Answers<T>(answer)
        .Refuses(StatusCodes.Status403Forbidden, "The key may not search that corpus or partition.");

    private delegate void QuestionQuery(
        string corpus, [MaxLength(RequestRules.MostCharacters)] string? query = null,
        [AllowedValues("hybrid", "vector", "text")] string mode = "hybrid",
        [AllowedValues("none", "html", "text")] string highlight = "none");

    private delegate void SearchFilters(
        [Description("Only items of these kinds; repeated.")] string[]? kinds = null, string? partition = null,
        [Description("Conditions like number>=5, all of which hold; repeated.")] string[]? where = null,
        [Range(1, 100)] int limit = 10, [Description("next of the page before.")] string? cursor = null,
        [Range(0d, 1d)] double? minSimilarity = null, bool exact = false, bool includeStale = false, [Range(0d, 1d)] double diversity = 0,
        [Description("Columns whose values the results have; repeated.")] string[]? columns = null);
}
