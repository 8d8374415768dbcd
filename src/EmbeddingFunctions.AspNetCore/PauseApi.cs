using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The part of the HTTP API that pauses corpora and lets them go on.</summary>
internal sealed class PauseApi(CorpusSet corpora, Pauses pauses, RequestGuard guard)
{
    /// <summary>POST <see cref="Routes.Pause"/>: no batch of the corpus begins any more, and what is in flight ends.</summary>
    public Task<IResult> Pause(HttpRequest request, string corpus, CancellationToken cancellation) =>
        guard.Serve(request, async () =>
    {
        var name = corpora.Live(corpus).DeclaredName;
        return Answer(name, await pauses.Pause(name, cancellation));
    }, cancellation);

    /// <summary>POST <see cref="Routes.Resume"/>: its runs go on.</summary>
    public Task<IResult> Resume(HttpRequest request, string corpus, CancellationToken cancellation) =>
        guard.Serve(request, async () =>
    {
        var name = corpora.Live(corpus).DeclaredName;
        await pauses.Resume(name, cancellation);
        return Answer(name, null);
    }, cancellation);

    private static IResult Answer(string corpus, DateTimeOffset? pausedAt) => Replies.Json(new PausedCorpus(corpus, pausedAt));
}

/// <param name="PausedAt">Null: it is not paused.</param>
internal sealed record PausedCorpus(string Corpus, DateTimeOffset? PausedAt);
