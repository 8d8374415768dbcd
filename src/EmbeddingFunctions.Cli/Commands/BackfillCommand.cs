using System.CommandLine;
using System.Globalization;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Alerts;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Commands;

internal static class BackfillCommand
{
    public static Command Create()
    {
        var command = new CommandWithExamples("backfill", "Embed all pending items.",
            "embeddings backfill workspace",
            "embeddings backfill workspace --dry-run",
            "embeddings backfill workspace --kind issue --limit 1000",
            "embeddings backfill documents --archive gjeldende-lover.tar.bz2 --resume-from-id 5000",
            "embeddings backfill workspace --iterations 100 --delay 5s",
            "embeddings backfill workspace --lane batch",
            "embeddings backfill workspace --max-cost 2.50",
            "embeddings backfill workspace --force --json");
        var options = new BackfillOptions();
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(options.IsJson(parsed));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation, settings => options.Adjust(parsed, settings));
                var request = options.Request(parsed, session.Settings.BatchesInFlight);
                var corpus = session.Corpora.Live(request.Corpus);
                request = request with
                {
                    Corpus = corpus.Name,
                    Kinds = request.Kinds.Select(kind => corpus.TableOf(kind).Kind).ToList(),
                };
                if (options.IsOnBatchLane(parsed))
                {
                    session.Get<LaneRuns>().EnsureLane();
                }

                if (options.IsCancel(parsed))
                {
                    return await BatchLaneBackfill.Cancel(session, output, request.Corpus, cancellation);
                }

                output.Note(Configuration(session, request, options.IsDryRun(parsed)));
                return options.IsDryRun(parsed)
                    ? await Predict(session, output, request, cancellation)
                    : await Run(
                        session, output, request, options.Iterations(parsed), options.IsRetryNow(parsed), options.IsOnBatchLane(parsed),
                        cancellation);
            }, cancellation);
        });
        return command;
    }

    /// <summary>One run with its progress shown on standard error.</summary>
    public static Task<RunOutcome> RunOnce(
        Session session, Output output, RunRequest request, CancellationToken cancellation, bool isOneOfSeveral = false)
    {
        var engine = session.Get<InProcessEngine>();
        var display = Display(session, output, request, isOneOfSeveral: isOneOfSeveral);
        return display.Show(report => engine.Run(request, report, cancellation));
    }

    /// <summary>The same on the provider's batch lane.</summary>
    public static Task<RunOutcome> RunOnBatchLane(
        Session session, Output output, RunRequest request, CancellationToken cancellation) =>
        BatchLaneBackfill.Run(session, output, request, Display(session, output, request, isOnBatchLane: true), cancellation);

    private static RunProgressDisplay Display(
        Session session, Output output, RunRequest request, bool isOneOfSeveral = false, bool isOnBatchLane = false) =>
        new(output, new RunFigures(session.Get<PriceTable>(), session.ModelOf(request.Corpus), NounOf(session, request), isOnBatchLane),
            NounOf(session, request), isOneOfSeveral);

    /// <summary>How the runs of one request ended, with the items that failed in them.</summary>
    public static async Task<RunSummary> Summarise(
        Session session, RunRequest request, IReadOnlyList<RunOutcome> outcomes, bool isInterrupted, CancellationToken cancellation,
        bool isOnBatchLane = false) =>
        new(session.Get<PriceTable>(), request.Corpus, session.ModelOf(request.Corpus), outcomes, isInterrupted)
        {
            IsOnBatchLane = isOnBatchLane,
            Noun = NounOf(session, request),
            Failures = cancellation.IsCancellationRequested || outcomes.All(outcome => outcome.Counts.Failed == 0)
                ? []
                : await Failed(session, request.Corpus, outcomes[0].RunId, cancellation),
            Waiting = cancellation.IsCancellationRequested ? default : await Waiting(session, request, cancellation),
        };

    private static ItemNoun NounOf(Session session, RunRequest request) => ItemNoun.Of(session.Corpora.Get(request.Corpus), request.Kinds);

    private static async Task<IReadOnlyList<FailedItem>> Failed(
        Session session, string corpus, Guid firstRun, CancellationToken cancellation)
    {
        try
        {
            // The database's clock wrote both times.
            var began = (await session.Get<RunHistory>().Find(firstRun, cancellation))?.Run.CreatedAt;
            var failed = await session.Get<FailedItems>().List(corpus, RunSummary.MostFailures, cancellation);
            return failed.Where(item => item.FailedAt >= began).ToList();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or CorpusException)
        {
            // The run's result is reported without their names rather than not at all.
            session.Get<DatabaseOutages>().Failed("the list of failed items", e);
            return [];
        }
    }

    private static async Task<(int Items, DateTimeOffset? Until)> Waiting(
        Session session, RunRequest request, CancellationToken cancellation)
    {
        try
        {
            return await session.Get<WaitingItems>().Of(request, cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or CorpusException)
        {
            session.Get<DatabaseOutages>().Failed("the count of waiting items", e);
            return default;
        }
    }

    private static string Configuration(Session session, RunRequest request, bool isDryRun)
    {
        static string Yes(bool value) => value ? "yes" : "no";
        var batchSize = request.BatchSize ?? session.Corpora.Get(request.Corpus).BatchSize;
        return $"Configuration: batch size {batchSize?.ToString(CultureInfo.InvariantCulture) ?? "automatic"}, "
            + $"limit {request.Limit?.ToString("N0", null) ?? "none"}, force {Yes(request.Force)}, dry run {Yes(isDryRun)}.";
    }

    private static async Task NoteRowSecurity(Session session, Output output, string corpus, CancellationToken cancellation)
    {
        foreach (var finding in await session.Get<DeclaredCorpora>().RowSecurity(corpus, cancellation))
        {
            output.Note($"Warning: {finding}.");
        }
    }

    private static async Task<int> Predict(Session session, Output output, RunRequest request, CancellationToken cancellation)
    {
        foreach (var kind in request.Kinds)
        {
            session.Corpora.Get(request.Corpus).TableOf(kind);
        }

        await NoteRowSecurity(session, output, request.Corpus, cancellation);
        var prediction = await session.Get<DryRun>().Predict(request, cancellation);
        output.Note($"Found {NounOf(session, request).Count(prediction.Items)} to process.");
        output.Result(prediction, text =>
        {
            text.WriteLine("Dry run: no provider was called, nothing was written.");
            text.WriteLine($"  items     {prediction.Items,12:N0}");
            text.WriteLine($"  inputs    {prediction.Inputs,12:N0}");
            text.WriteLine(
                $"  requests  {prediction.Requests,12:N0}{(prediction.AreRequestsExact ? "" : "  (about, as their size is automatic)")}");
            text.WriteLine(
                $"  tokens    {prediction.Tokens,12:N0}  ({(prediction.AreTokensExact ? "as the model counts them" : "estimated")})");
            text.WriteLine($"  dollars   {RunFigures.Money(prediction.Dollars),12}");
            text.WriteLine(prediction.Minutes is { } minutes
                ? $"  minutes   {minutes,12:N1}  (at the configured limits)"
                : "  minutes        unknown  (the model runs on this machine)");
            if (prediction.BatchLane is { } lane)
            {
                text.WriteLine($"With --lane batch:");
                text.WriteLine($"  dollars   {RunFigures.Money(lane.Dollars),12}  (half the price)");
                text.WriteLine($"  hours     {lane.MaxHours,12:N0}  (at most, mostly far fewer)");
                if (lane.Refusal is { } refusal)
                {
                    text.WriteLine($"  {refusal}");
                }
            }

            foreach (var cap in prediction.Caps)
            {
                text.WriteLine(CapLine(cap));
            }

            foreach (var finding in prediction.Findings)
            {
                text.WriteLine($"The run would be refused: {finding}.");
            }

            foreach (var existing in prediction.Existing)
            {
                text.WriteLine($"{existing}.");
            }
        });
        return ExitCode.Done;
    }

    private static string CapLine(CapForecast cap) =>
        $"{cap.Cap} of {RunFigures.Money(cap.Dollars)}, of which {RunFigures.Money(cap.Spent)} are spent: "
        + cap.Holds switch
        {
            true => "it lets the run come to its end.",
            false => "it would stop the run, which ends as cap_reached.",
            null => "the run would be refused, as the price of the model is not known (EMBEDDING_PRICES_FILE).",
        };

    private static async Task<int> Run(
        Session session, Output output, RunRequest request, (int Count, TimeSpan Delay)? iterations, bool isRetryNow,
        bool isOnBatchLane, CancellationToken cancellation)
    {
        session.Settings.EnsureEnabled();
        await NoteRowSecurity(session, output, request.Corpus, cancellation);
        if (isRetryNow)
        {
            output.Note(
                $"{NounOf(session, request).Count(await session.Get<WaitingItems>().EndWait(request, cancellation))} waited for their "
                    + "next attempt and are tried now.");
        }

        var page = request with { Limit = request.Limit ?? request.PageSize ?? session.Corpora.Get(request.Corpus).PageSize };
        var outcomes = iterations is { } several
            ? await Iterations.Run(
                output, several.Count, several.Delay, () => RunOnce(session, output, page, cancellation, isOneOfSeveral: true),
                cancellation)
            : [await (isOnBatchLane
                ? RunOnBatchLane(session, output, request, cancellation)
                : RunOnce(session, output, request, cancellation))];
        var isInterrupted = iterations?.Count > outcomes.Count && cancellation.IsCancellationRequested;
        var summary = await Summarise(session, request, outcomes, isInterrupted, cancellation, isOnBatchLane);
        summary.Print(output);
        // Where commands alone embed, no host would tell of it.
        await session.Get<AlertWatch>().Tick(cancellation, TimeSpan.Zero);
        return summary.ExitCode;
    }
}
