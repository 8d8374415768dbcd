using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.App.Http;

/// <summary>
/// What a search sees: the Functions host has checked its function key; where search keys are set, a search carries one of them too.
/// </summary>
internal static class SearchDoor
{
    public static Task<IResult> Admit(this SearchKeys keys, HttpRequest request, Func<SearchScope, Task<IResult>> serve) =>
        keys.ScopeOf(request) is { } scope ? serve(scope)
        : !keys.AreInUse && !request.Headers.ContainsKey(SearchKeys.Header) ? serve(SearchScope.All)
        : Task.FromResult(Replies.Problem(
            StatusCodes.Status401Unauthorized, "The search key is missing or wrong.",
            $"Send a key of EMBEDDINGS_SEARCH_KEYS_FILE in the header {SearchKeys.Header}, beside the function key."));
}
