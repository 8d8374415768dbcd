using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The part of the HTTP API that shows runs and cancels them.</summary>
internal sealed class RunApi(CorpusSet corpora, RunScheduler scheduler, RunHistory history, RunTimeline timeline, RequestGuard guard)
{
    public const int DefaultRuns = 20;
    public const int MaxRuns = 100;

    private static readonly object?[] _statuses = new RunStatusNameAttribute().Values;

    /// <summary>
    /// GET <see cref="Routes.Runs"/> with <c>corpus</c>, <c>status</c>, <c>limit</c>, <c>before</c>, and <c>hasWork=true</c> to leave out
    /// scheduled runs that found nothing to do: the newest first, and the id that <c>before</c> takes for the next page.
    /// </summary>
    public Task<IResult> List(HttpRequest request, CancellationToken cancellation) => guard.Serve(request, async () =>
    {
        string? Query(string name) => request.Query[name].FirstOrDefault() is { Length: > 0 } value ? value : null;
        var (corpus, status, limit) = (Query("corpus"), Query("status"), DefaultRuns);
        if (corpus is not null && corpora.Find(corpus) is null)
        {
            return Replies.Invalid("corpus", corpora.Unknown(corpus));
        }

        if (status is not null && !_statuses.Contains(status))
        {
            return Replies.Invalid("status", $"status is '{status}'; it takes {string.Join(", ", _statuses)}.");
        }

        if (Query("limit") is { } text && !(int.TryParse(text, out limit) && limit is >= 1 and <= MaxRuns))
        {
            return Replies.Invalid("limit", $"limit is '{text}'; it takes a whole number from 1 to {MaxRuns}.");
        }

        if (Query("hasWork") is { } flag && flag is not ("true" or "false"))
        {
            return Replies.Invalid("hasWork", $"hasWork is '{flag}'; it takes true or false.");
        }

        Guid? before = Query("before") is { } last ? Guid.TryParse(last, out var id) ? id : throw NoRun(last) : null;
        var name = corpus is null ? null : corpora.Live(corpus).Name;
        var runs = await history.List(name, status, limit, cancellation, Query("hasWork") == "true", before);
        return Replies.Json(
            request, new RunPage(await history.WithCosts(runs, cancellation), runs.Count == limit ? runs[^1].Id : null));
    }, cancellation);

    /// <summary>GET <see cref="Routes.Run"/>: how far it is, from the database, and what it waits for, from its engine.</summary>
    public Task<IResult> Get(HttpRequest request, string runId, IRunEngine engine, CancellationToken cancellation) =>
        guard.Serve(request, async () =>
    {
        var id = Id(runId);
        var note = await scheduler.Note(engine, id, cancellation);
        return await history.Find(id, cancellation) is { } run ? Replies.Json(request, run with { Note = note }) : throw NoRun(runId);
    }, cancellation);

    /// <summary>GET <see cref="Routes.RunHistory"/>: what its batches and requests did, in time.</summary>
    public Task<IResult> GetHistory(HttpRequest request, string runId, CancellationToken cancellation) =>
        guard.Serve(request, async () => await history.Find(Id(runId), cancellation) is { } run
            ? Replies.Json(request, await timeline.Of(run.Run, cancellation)) : throw NoRun(runId), cancellation);

    /// <summary>POST <see cref="Routes.CancelRun"/>: 202, and the run begins no more batches; 409 if it has ended.</summary>
    public Task<IResult> Cancel(HttpRequest request, string runId, IRunEngine engine, CancellationToken cancellation) =>
        guard.Serve(request, async () =>
    {
        var id = Id(runId);
        var wasOpen = await scheduler.Cancel(engine, id, cancellation);
        return await history.Find(id, cancellation) is not { } found ? throw NoRun(runId)
            : wasOpen ? Replies.Json(found, StatusCodes.Status202Accepted)
            : Replies.Problem(StatusCodes.Status409Conflict, "The run has ended.", $"Run {id} is {found.Run.Status}.");
    }, cancellation);

    private static Guid Id(string runId) => Guid.TryParse(runId, out var id) ? id : throw NoRun(runId);

    private static NotFoundException NoRun(string runId) => new($"There is no run '{runId}'; runs are kept for 90 days.");
}

/// <param name="Runs">The newest first.</param>
/// <param name="Next">What before takes for the next page; null: this is the last.</param>
internal sealed record RunPage(IReadOnlyList<RecordedRun> Runs, Guid? Next);
