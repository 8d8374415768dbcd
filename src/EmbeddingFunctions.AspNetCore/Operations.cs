using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The routes of the HTTP API, all but those of search, each with its description for an OpenAPI document.</summary>
internal static class Operations
{
    private const string NoCorpus = "There is no such corpus.";
    private const string NoRun = "There is no such run; runs are kept for 90 days.";
    private const string RunAddress = "The run's address.";
    private const string TooManyRuns = "Too many runs wait.";
    private const string WrongField = "A field cannot be used.";
    private const string WrongParameter = "A parameter cannot be used.";

    public static RouteGroupBuilder MapOperations(
        this IEndpointRouteBuilder endpoints, string prefix, EmbeddingsApi api, IRunEngine engine)
    {
        var routes = endpoints.MapGroup(prefix);
        var operations = routes.MapGroup("").WithTags("Embeddings");
        operations.MapRuns(api, engine);
        operations.MapFigures(api);
        operations.MapFailures(api.Failures);
        operations.MapCorpora(api, engine);
        operations.MapGet(Routes.Health, (HttpRequest request, CancellationToken c) => api.GetHealth(request, c))
            .WithMetadata(Admission.Everyone)
            .Describe("getHealth", "Whether the host can do its work; at most five seconds old", unavailable: null)
            .Answers<HealthReport>("Healthy or degraded.")
            .Answers<HealthReport>("Unhealthy.", StatusCodes.Status503ServiceUnavailable);
        return routes;
    }

    private static void MapRuns(this RouteGroupBuilder routes, EmbeddingsApi api, IRunEngine engine)
    {
        routes.MapPost(Routes.Compute, (HttpRequest request, CancellationToken c) => api.Compute(request, engine, c))
            .Describe("requestRun", "Request a run")
            .TakesBody<ComputeData>().TakesToo<ComputeEnvelope>().Takes<IdempotencyKey>()
            .Answers<AcceptedRun>("Accepted and recorded.", StatusCodes.Status202Accepted)
            .Sends(StatusCodes.Status202Accepted, "Location", RunAddress)
            .Refuses(StatusCodes.Status400BadRequest, WrongField)
            .Refuses(
                StatusCodes.Status409Conflict, "The event's id belongs to another request, or embedding is switched off.")
            .TooLarge().RefusesTooManyRuns();
        routes.MapPost(Routes.Predict, (HttpRequest request, CancellationToken c) => api.Predict(request, c))
            .Describe("predictRun", "What a run would embed, take and cost; it calls no provider and begins nothing")
            .TakesBody<ComputeData>().TakesToo<ComputeEnvelope>()
            .Answers<Prediction>("The prediction.")
            .Refuses(StatusCodes.Status400BadRequest, WrongField).TooLarge();
        routes.MapGet(Routes.Runs, (HttpRequest request, CancellationToken c) => api.Runs.List(request, c))
            .Describe("listRuns", "The newest runs")
            .Takes<RunsQuery>()
            .AnswersTagged<RunPage>("The runs.")
            .Refuses(StatusCodes.Status400BadRequest, WrongParameter)
            .Refuses(StatusCodes.Status404NotFound, NoRun);
        routes.MapGet(
                Routes.Run, (HttpRequest request, string runId, CancellationToken c) => api.Runs.Get(request, runId, engine, c))
            .Describe("getRun", "A run's progress and results")
            .AnswersTagged<RunDetail>("The run.")
            .Refuses(StatusCodes.Status404NotFound, NoRun);
        routes.MapGet(
                Routes.RunHistory, (HttpRequest request, string runId, CancellationToken c) => api.Runs.GetHistory(request, runId, c))
            .Describe("getRunHistory", "What a run's batches and requests did, in time")
            .AnswersTagged<TimedRun>("Its history.")
            .Refuses(StatusCodes.Status404NotFound, NoRun);
        routes.MapPost(
                Routes.CancelRun, (HttpRequest request, string runId, CancellationToken c) => api.Runs.Cancel(request, runId, engine, c))
            .Describe("cancelRun", "Cancel a run")
            .Answers<RunDetail>("It begins no more batches, and ends as cancelled.", StatusCodes.Status202Accepted)
            .Refuses(StatusCodes.Status404NotFound, NoRun)
            .Refuses(StatusCodes.Status409Conflict, "The run has ended.");
    }

    private static void MapFigures(this RouteGroupBuilder routes, EmbeddingsApi api)
    {
        routes.MapGet(Routes.Status, (HttpRequest request, CancellationToken c) => api.GetStatus(request, c))
            .Describe("getStatus", "Coverage, pending items, failures and the last runs")
            .Takes<CorpusQuery>()
            .AnswersTagged<CorporaStatus>("The status.")
            .Refuses(StatusCodes.Status400BadRequest, NoCorpus);
        routes.MapGet(Routes.Cost, (HttpRequest request, CancellationToken c) => api.GetCost(request, c))
            .Describe("getCost", "What requests to the provider cost, as the ledger has it")
            .Takes<CostQuery>()
            .AnswersTagged<CostSummary>("The costs.")
            .Refuses(StatusCodes.Status400BadRequest, WrongParameter);
        routes.MapGet(Routes.Trends, (HttpRequest request, CancellationToken c) => api.Trends.Get(request, c))
            .Describe("getTrends", "What was done over a day, a week or a month")
            .Takes<TrendsQuery>().Takes<CorpusQuery>()
            .AnswersTagged<Trend>("The points.")
            .Refuses(StatusCodes.Status400BadRequest, WrongParameter);
        routes.MapGet(Routes.Overview, (HttpRequest request, CancellationToken c) => api.Overviews.Get(request, c))
            .Describe("getOverview", "What is happening now, at most a second old")
            .AnswersTagged<Overview>("The figures.");
        routes.MapGet(Routes.Events, (HttpRequest request, CancellationToken c) => api.Overviews.Follow(request, c))
            .Describe("followEvents", "The same as it changes, as Server-Sent Events", unavailable: null)
            .WithDescription(
                "Events are overview, whose data is what overview answers; ping, between two of these; and fault, while the database does "
                    + "not answer. The connection ends after four minutes, and is opened again by the client.")
            .Answers<string>("The events.", type: "text/event-stream");
    }

    private static void MapFailures(this RouteGroupBuilder routes, FailureApi api)
    {
        routes.MapGet(Routes.Failures, (HttpRequest request, CancellationToken c) => api.Groups(request, c))
            .Describe("listFailures", "Failed items by their reasons, the largest groups first")
            .Takes<CorpusQuery>()
            .AnswersTagged<Batches.FailureGroups>("The groups.")
            .Refuses(StatusCodes.Status400BadRequest, WrongParameter);
        routes.MapGet(Routes.FailedItems, (HttpRequest request, CancellationToken c) => api.Items(request, c))
            .Describe("listFailedItems", "Failed items, the last to fail first")
            .Takes<CorpusQuery>().Takes<FailedItemsQuery>()
            .AnswersTagged<Batches.FailurePage>("A page.")
            .Refuses(StatusCodes.Status400BadRequest, WrongParameter);
        routes.MapPost(Routes.RetryFailures, (HttpRequest request, CancellationToken c) => api.Retry(request, c))
            .Describe("retryFailures", "Have the next run try failed items again")
            .TakesBody<ChosenItems>()
            .Answers<ChangedItems>("They have three attempts again.")
            .Refuses(StatusCodes.Status400BadRequest, WrongField).TooLarge();
        routes.MapPost(Routes.IgnoreFailures, (HttpRequest request, CancellationToken c) => api.Ignore(request, c))
            .Describe("ignoreFailures", "Leave failed items alone until their texts change")
            .TakesBody<ChosenItems>()
            .Answers<ChangedItems>("They are ignored.")
            .Refuses(StatusCodes.Status400BadRequest, WrongField).TooLarge();
    }

    private static void MapCorpora(this RouteGroupBuilder routes, EmbeddingsApi api, IRunEngine engine)
    {
        routes.MapGet(Routes.Declarations, (HttpRequest request, CancellationToken c) => api.Corpora.List(request, c))
            .Describe("listDeclarations", "What corpora are declared to be, with their indexes and status")
            .AnswersTagged<DeclaredCorpora>("The corpora.");
        routes.MapPost(Routes.Audit, (HttpRequest request, string corpus, CancellationToken c) => api.Corpora.Audit(request, corpus, c))
            .Describe("auditCorpus", "What no run would find: wrong, missing and left-over vectors")
            .TakesBody<AuditChoice>()
            .Answers<AuditedCorpus>("What was found.")
            .Refuses(StatusCodes.Status400BadRequest, WrongField)
            .Refuses(StatusCodes.Status404NotFound, NoCorpus).TooLarge();
        routes.MapPost(Routes.Pause, (HttpRequest request, string corpus, CancellationToken c) => api.Pauses.Pause(request, corpus, c))
            .Describe("pauseCorpus", "Let no batch of a corpus begin")
            .Answers<PausedCorpus>("It is paused.")
            .Refuses(StatusCodes.Status404NotFound, NoCorpus);
        routes.MapPost(Routes.Resume, (HttpRequest request, string corpus, CancellationToken c) => api.Pauses.Resume(request, corpus, c))
            .Describe("resumeCorpus", "Let the runs of a paused corpus go on")
            .Answers<PausedCorpus>("It is not paused.")
            .Refuses(StatusCodes.Status404NotFound, NoCorpus);
        routes.MapGet(Routes.Switch, (HttpRequest request, string corpus, CancellationToken c) => api.Switches.Get(request, corpus, c))
            .Describe("getSwitch", "A switch to another generation of vectors, with what its gate lacks")
            .Takes<SwitchQuery>()
            .Answers<SwitchedCorpus>("The state; null where no switch is under way.")
            .Refuses(StatusCodes.Status400BadRequest, WrongParameter)
            .Refuses(StatusCodes.Status404NotFound, NoCorpus);
        routes.MapPost(
                Routes.SwitchStep,
                (HttpRequest request, string corpus, [SwitchStepName] string step, CancellationToken c) =>
                    api.Switches.Step(request, corpus, step, engine, c))
            .Describe("stepSwitch", "Begin, flip, roll back, finish or abandon a switch")
            .Takes<SwitchStepQuery>()
            .Answers<SwitchedCorpus>("It is done.")
            .Answers<BegunSwitch>("The next generation is made, and a run over it recorded.", StatusCodes.Status202Accepted)
            .Sends(StatusCodes.Status202Accepted, "Location", RunAddress)
            .Refuses(StatusCodes.Status400BadRequest, "A parameter or the corpus cannot be used.")
            .Refuses(StatusCodes.Status404NotFound, "There is no such corpus or step.")
            .Refuses(
                StatusCodes.Status409Conflict,
                "The step does not fit the state, the gate does not hold, or embedding is switched off.")
            .RefusesTooManyRuns();
    }

    private static RouteHandlerBuilder RefusesTooManyRuns(this RouteHandlerBuilder route) => route
        .Refuses(StatusCodes.Status429TooManyRequests, TooManyRuns)
        .Sends(StatusCodes.Status429TooManyRequests, "Retry-After", "Seconds.", isNumber: true);

    private delegate void IdempotencyKey(
        [FromHeader(Name = "Idempotency-Key"), MaxLength(ComputeEvent.MaxIdLength), Description("In place of the event's id.")]
        string? key = null);

    private delegate void RunsQuery(
        string? corpus = null, [RunStatusName] string? status = null, [Range(1, RunApi.MaxRuns)] int limit = RunApi.DefaultRuns,
        [Description("Leaves out scheduled runs that found nothing to do.")] bool hasWork = false,
        [Description("Only runs older than this one: the last answer's next.")] Guid? before = null);

    private delegate void CorpusQuery([Description("Default: every migrated corpus.")] string? corpus = null);

    private delegate void CostQuery(
        [Description("By what it is summed."), AllowedValues("day", "corpus", "model", "run")] string by = "day",
        [Description("A day or a moment, in UTC; default: 30 days ago. Requests are kept for 90 days.")] string? since = null);

    private delegate void TrendsQuery([AllowedValues(1, 7, 30)] int days = 1);

    private delegate void FailedItemsQuery(
        string? kind = null, [Description("Only items with this reason, to the letter.")] string? reason = null,
        [Range(1, FailureApi.MaxItems)] int limit = FailureApi.DefaultItems,
        [Description("next of the page before.")] string? cursor = null);

    private delegate void SwitchQuery([Description("Recall and speed too, which takes seconds.")] bool measure = false);

    private delegate void SwitchStepQuery([Description("Flip although the gate does not hold.")] bool force = false);
}
