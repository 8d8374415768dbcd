using System.Globalization;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The HTTP API, the same in every host: events in, runs and status out.</summary>
internal sealed class EmbeddingsApi : IDisposable
{
    private const int DefaultDays = 30;
    private const int MaxEventBytes = 64 * 1024;

    private readonly CorpusSet _corpora;
    private readonly ResolvedCorpora _resolved;
    private readonly RunScope _scope;
    private readonly RunScheduler _scheduler;
    private readonly SwitchedStatus _status;
    private readonly CachedHealth _health;
    private readonly CostReport _costs;
    private readonly DryRun _dryRun;
    private readonly RequestGuard _guard;
    private readonly RequestGuard _searchGuard;

    public EmbeddingsApi(
        CorpusSet corpora, ResolvedCorpora resolved, RunScope scope, RunScheduler scheduler, RunHistory history, SwitchedStatus status,
        CachedHealth health, Generations generations, GenerationSwitch switches, ISearch search, CostReport costs, Pauses pauses,
        OverviewReport overview, DryRun dryRun, RunTimeline timeline, DeclarationReport declarations, Audit audit,
        FailureReport failures, FailedItems failedItems, TrendReport trends, EmbeddingSettings settings, Redaction redaction,
        ILogger<EmbeddingsApi> log)
    {
        (_corpora, _resolved, _scope, _scheduler, _dryRun) = (corpora, resolved, scope, scheduler, dryRun);
        (_status, _health, _costs, _guard) = (status, health, costs, new RequestGuard(resolved, redaction, log));
        Pauses = new PauseApi(corpora, pauses, _guard);
        Runs = new RunApi(corpora, scheduler, history, timeline, _guard);
        Overviews = new OverviewApi(overview, _guard);
        Corpora = new CorpusApi(corpora, declarations, audit, _guard);
        Failures = new FailureApi(corpora, resolved, failures, failedItems, settings, _guard);
        Trends = new TrendApi(corpora, resolved, trends, _guard);
        Switches = new SwitchApi(corpora, generations, switches, scheduler, settings, _guard);
        _searchGuard = new RequestGuard(resolved, redaction, log);
        Searches = new SearchApi(new ScopedSearch(corpora, search), _searchGuard);
    }

    /// <summary>The part about runs.</summary>
    public RunApi Runs { get; }

    /// <summary>The part that pauses corpora.</summary>
    public PauseApi Pauses { get; }

    /// <summary>The part about what is happening now.</summary>
    public OverviewApi Overviews { get; }

    /// <summary>The part about what corpora are.</summary>
    public CorpusApi Corpora { get; }

    /// <summary>The part about items that failed.</summary>
    public FailureApi Failures { get; }

    /// <summary>The part about what was done over time.</summary>
    public TrendApi Trends { get; }

    /// <summary>The part about generations of vectors.</summary>
    public SwitchApi Switches { get; }

    /// <summary>The part about search, whose requests wait for no others.</summary>
    public SearchApi Searches { get; }

    /// <param name="services">Hold the engine.</param>
    public static EmbeddingsApi Of(IServiceProvider services) => ActivatorUtilities.CreateInstance<EmbeddingsApi>(services);

    /// <summary>
    /// POST <see cref="Routes.Compute"/>: 202 with the run's address; the same event id or Idempotency-Key twice is the same run, and so is
    /// a run that has not started yet and takes all that this one would. 429 while too many runs wait for their start.
    /// </summary>
    public Task<IResult> Compute(HttpRequest request, IRunEngine engine, CancellationToken cancellation) =>
        Requested(request, asked => Accept(request, asked, engine, cancellation), cancellation);

    /// <summary>
    /// POST <see cref="Routes.Predict"/>: what the run of such an event would embed, take and cost; it calls no provider and begins
    /// nothing.
    /// </summary>
    public Task<IResult> Predict(HttpRequest request, CancellationToken cancellation) => Requested(
        request, async asked => Replies.Json(await _dryRun.Predict(asked.Request!, cancellation)), cancellation);

    // What an event asks for, once it is read and can be done.
    private Task<IResult> Requested(HttpRequest request, Func<ComputeEvent, Task<IResult>> serve, CancellationToken cancellation) =>
        _guard.Serve(request, async () =>
    {
        var (json, refusal) = await RequestBody.Read(request, MaxEventBytes, "An event", cancellation);
        if (json is null)
        {
            return refusal!;
        }

        using (json)
        {
            var asked = ComputeEvent.Read(
                json.RootElement, request.Headers["Idempotency-Key"].FirstOrDefault(), _corpora, await DefaultCorpus(cancellation));
            return asked.Errors.Count > 0 ? Replies.Invalid(asked.Errors)
                : await PartitionFault(asked, cancellation) is { } fault ? Replies.Invalid(asked.PartitionField, fault)
                : await serve(asked);
        }
    }, cancellation);

    /// <summary>
    /// GET <see cref="Routes.Status"/>: coverage, pending, failures and the last runs of every migrated corpus, or of <c>?corpus=</c>.
    /// </summary>
    public Task<IResult> GetStatus(HttpRequest request, CancellationToken cancellation) => _guard.Serve(request, async () =>
    {
        if (request.Query["corpus"].FirstOrDefault() is not { Length: > 0 } asked)
        {
            return Replies.Json(request, await _status.OfAll(cancellation));
        }

        return _corpora.Find(asked) is { } live
            ? Replies.Json(request, await _status.OfOnly(live.Name, cancellation))
            : Replies.Invalid("corpus", _corpora.Unknown(asked));
    }, cancellation);

    /// <summary>
    /// GET <see cref="Routes.Cost"/>: what requests to the provider cost, by <c>day</c> or <c>?by=</c> corpus, model or run, since
    /// <c>?since=</c>, or for 30 days.
    /// </summary>
    public Task<IResult> GetCost(HttpRequest request, CancellationToken cancellation) => _guard.Serve(request, async () =>
    {
        var (by, since) = (CostGroup.Day, new DateTimeOffset(DateTime.UtcNow.Date, TimeSpan.Zero).AddDays(-DefaultDays));
        if (request.Query["by"].FirstOrDefault() is { Length: > 0 } group
            && !(Enum.TryParse(group, ignoreCase: true, out by) && !char.IsAsciiDigit(group[0])))
        {
            return Replies.Invalid("by", $"by is '{group}'; it takes day, corpus, model or run.");
        }

        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (request.Query["since"].FirstOrDefault() is { Length: > 0 } moment
            && !DateTimeOffset.TryParse(moment, CultureInfo.InvariantCulture, Utc, out since))
        {
            return Replies.Invalid("since", $"since is '{moment}'; it takes a day like 2026-01-31, or a moment like 2026-01-31T12:00Z.");
        }

        return Replies.Json(request, await _costs.Of(by, since, cancellation));
    }, cancellation);

    /// <summary>
    /// GET <see cref="Routes.Health"/>: 200 or 503, each check by name, at most five seconds old; the provider is not called.
    /// </summary>
    public Task<IResult> GetHealth(HttpRequest request, CancellationToken cancellation) => _guard.Explain(request, async () =>
    {
        var health = await _health.Check(cancellation);
        return Replies.Json(health, health.IsHealthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }, cancellation);

    public void Dispose()
    {
        _guard.Dispose();
        _searchGuard.Dispose();
    }

    // The first that the database was migrated for; if it was for none, the refusal names the first.
    private async Task<Corpus> DefaultCorpus(CancellationToken cancellation)
    {
        var migrated = await _resolved.MigratedNames(cancellation);
        return _corpora.All.FirstOrDefault(corpus => migrated.Contains(corpus.Name)) ?? _corpora.All[0];
    }

    private async Task<string?> PartitionFault(ComputeEvent asked, CancellationToken cancellation)
    {
        var corpus = await _resolved.Get(asked.Request!.Corpus, cancellation);
        return await _scope.PartitionFault(corpus, asked.Request.Partition, cancellation) is { } fault
            ? $"{asked.PartitionField}: {fault}" : null;
    }

    private async Task<IResult> Accept(HttpRequest request, ComputeEvent asked, IRunEngine engine, CancellationToken cancellation)
    {
        if (await _scheduler.Ask(engine, asked.Request!, asked.Id, cancellation) is not { } run)
        {
            return Replies.Problem(StatusCodes.Status409Conflict, "The event's id is taken.",
                $"An earlier event with the id '{asked.Id}' asked for another run: give each event an id of its own.");
        }

        request.HttpContext.Response.Headers.Location = Routes.AddressOf(run.Id, request, Routes.Compute);
        return Replies.Json(new AcceptedRun(run.Id, asked.Request!.Corpus, run.IsNew), StatusCodes.Status202Accepted);
    }
}

/// <param name="IsNew">False: an earlier event, or a waiting run that covers this one, has the run already.</param>
internal sealed record AcceptedRun(Guid RunId, string Corpus, bool IsNew);
