using System.CommandLine;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli.Commands;

internal static class BackfillCommand
{
    private const int MaxBatchSize = 2_048;
    private const int MaxPageSize = 10_000;
    private const int MaxConcurrency = 256;

    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var limit = Arguments.Count("--limit", "At most so many items (with --iterations: each).");
        var partition = new Option<string?>("--partition") { Description = "Only this partition's items: its key, for a workspace the repository's id.", HelpName = "key" };
        var kind = new Option<string[]>("--kind") { Description = "Only items of this kind; may be given several times.", HelpName = "kind" };
        var batchSize = Arguments.Count("--batch-size", "Items in a batch, instead of the declared number.", MaxBatchSize);
        var pageSize = Arguments.Count("--page-size", "Items planned at a time, instead of the declared number.", MaxPageSize);
        var concurrency = Arguments.Count("--concurrency", "Batches in flight, instead of EMBEDDING_CONCURRENCY.", MaxConcurrency);
        var iterations = Arguments.Count("--iterations", "So many runs of a page each, instead of one run to the end; stops early when nothing is pending.");
        var delay = Arguments.Delay("--delay", "The wait between iterations, like 5s.");
        var force = new Option<bool>("--force") { Description = "Embed everything in scope anew, changed or not; an interrupted --force goes on where it was." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Predict items, requests, tokens, dollars and minutes; call nobody, write nothing." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("backfill", "Embed all that is pending, until nothing is.",
            "embeddings backfill workspace",
            "embeddings backfill workspace --dry-run",
            "embeddings backfill workspace --kind issue --limit 1000",
            "embeddings backfill workspace --iterations 100 --delay 5s",
            "embeddings backfill workspace --force --json") { corpus, limit, partition, kind, batchSize, pageSize, concurrency, iterations, delay, force, dryRun, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(iterations) is null && result.GetResult(delay) is not null)
            {
                result.AddError("--delay is the wait between iterations: give --iterations too.");
            }
            else if (result.GetResult(iterations) is not null && (result.GetResult(force) ?? result.GetResult(dryRun)) is { } other)
            {
                result.AddError($"{other.Option.Name} takes everything in one go: leave --iterations out.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var request = new RunRequest(
                    parsed.GetValue(corpus)!, parsed.GetValue(kind) ?? [], parsed.GetValue(partition), parsed.GetValue(limit), parsed.GetValue(force),
                    parsed.GetValue(concurrency) ?? session.Settings.Concurrency, parsed.GetValue(pageSize), parsed.GetValue(batchSize));
                return parsed.GetValue(dryRun)
                    ? await Predict(session, output, request, cancellation)
                    : await Run(session, output, request, parsed.GetValue(iterations), parsed.GetValue(delay), cancellation);
            }, cancellation);
        });
        return command;
    }

    /// <summary>One run with its progress shown on standard error.</summary>
    public static Task<RunOutcome> RunOnce(Session session, Output output, RunRequest request, CancellationToken cancellation)
    {
        var engine = session.Get<InProcessEngine>();
        return RunProgressDisplay.Show(output, session.ModelOf(request.Corpus), report => engine.Run(request, report, cancellation));
    }

    private static async Task<int> Predict(Session session, Output output, RunRequest request, CancellationToken cancellation)
    {
        foreach (var kind in request.Kinds)
        {
            session.Corpora.Get(request.Corpus).TableOf(kind);
        }

        var prediction = await session.Get<DryRun>().Predict(request, cancellation);
        output.Result(prediction, text =>
        {
            text.WriteLine("Dry run: nobody was called, nothing was written.");
            text.WriteLine($"  items     {prediction.Items,12:N0}");
            text.WriteLine($"  inputs    {prediction.Inputs,12:N0}");
            text.WriteLine($"  requests  {prediction.Requests,12:N0}");
            text.WriteLine($"  tokens    {prediction.Tokens,12:N0}  (estimated)");
            text.WriteLine($"  dollars   {RunFigures.Money(prediction.Dollars),12}");
            text.WriteLine($"  minutes   {prediction.Minutes,12:N1}  (at the configured limits)");
        });
        return ExitCode.Done;
    }

    private static async Task<int> Run(
        Session session, Output output, RunRequest request, int? iterations, TimeSpan delay, CancellationToken cancellation)
    {
        var page = request with { Limit = request.Limit ?? request.PageSize ?? session.Corpora.Get(request.Corpus).PageSize };
        var outcomes = iterations is null
            ? [await RunOnce(session, output, request, cancellation)]
            : await Iterations.Run(output, iterations.Value, delay, () => RunOnce(session, output, page, cancellation), cancellation);
        var summary = new RunSummary(request.Corpus, session.ModelOf(request.Corpus), outcomes, iterations > outcomes.Count && cancellation.IsCancellationRequested);
        summary.Print(output);
        return summary.ExitCode;
    }
}
