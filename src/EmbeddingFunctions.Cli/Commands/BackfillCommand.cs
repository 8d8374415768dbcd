using System.CommandLine;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli.Commands;

internal static class BackfillCommand
{
    public static Command Create()
    {
        var command = new CommandWithExamples("backfill", "Embed all that is pending, until nothing is.",
            "embeddings backfill workspace",
            "embeddings backfill workspace --dry-run",
            "embeddings backfill workspace --kind issue --limit 1000",
            "embeddings backfill documents --archive gjeldende-lover.tar.bz2 --resume-from-id 5000",
            "embeddings backfill workspace --iterations 100 --delay 5s",
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
                return options.IsDryRun(parsed)
                    ? await Predict(session, output, request, cancellation)
                    : await Run(session, output, request, options.Iterations(parsed), cancellation);
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
        Session session, Output output, RunRequest request, (int Count, TimeSpan Delay)? iterations, CancellationToken cancellation)
    {
        session.Settings.DemandEnabled();
        var page = request with { Limit = request.Limit ?? request.PageSize ?? session.Corpora.Get(request.Corpus).PageSize };
        var outcomes = iterations is { } several
            ? await Iterations.Run(output, several.Count, several.Delay, () => RunOnce(session, output, page, cancellation), cancellation)
            : [await RunOnce(session, output, request, cancellation)];
        var isInterrupted = iterations?.Count > outcomes.Count && cancellation.IsCancellationRequested;
        var summary = new RunSummary(request.Corpus, session.ModelOf(request.Corpus), outcomes, isInterrupted);
        summary.Print(output);
        return summary.ExitCode;
    }
}
