using System.CommandLine;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli.Commands;

internal static class QueueCommand
{
    private const int Shown = 50;

    public static Command Create() =>
        new CommandWithExamples("queue", "List the requests in embedding_queue, requeue them, or process them.",
        "embeddings queue list sessions",
        "embeddings queue retry sessions --all",
        "embeddings queue drain sessions")
    {
        List(),
        Ask("retry", "Requeue failed requests.", new ItemOptions("All failed requests."),
            (rows, corpus, items, error, cancellation) => rows.Retry(corpus, items, error, cancellation),
            "embeddings queue retry sessions --error \"too long\""),
        Ask(
            "requeue", "Request items again, embedded or not, with their present text.",
            new ItemOptions("All items of the corpus.", byError: false),
            (rows, corpus, items, _, cancellation) => rows.Requeue(corpus, items, cancellation),
            "embeddings queue requeue sessions --id session:0f8fad5b-d9cb-469f-a165-70867728950e"),
        Drain(),
    };

    private static CommandWithExamples List()
    {
        var corpus = new Argument<string?>("corpus") { Description = "Only this corpus.", Arity = ArgumentArity.ZeroOrOne };
        var status = new Option<string?>("--status")
        {
            Description = "Only rows that are pending, processing, completed or failed.",
            HelpName = "status"
        }
            .AcceptOnlyFromAmong("pending", "processing", "completed", "failed");
        var limit = Arguments.Count("--limit", $"The largest number of rows; {Shown} unless given.");
        var json = Arguments.Json();
        var command = new CommandWithExamples("list", "Count requests by table and status, and list them, the oldest first.",
            "embeddings queue list",
            "embeddings queue list sessions --status failed --json") { corpus, status, limit, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var rows = session.Get<QueueRows>();
                var counts = await rows.Counts(parsed.GetValue(corpus), cancellation);
                var list = await rows.List(parsed.GetValue(corpus), parsed.GetValue(status), parsed.GetValue(limit) ?? Shown, cancellation);
                output.Result(new { Counts = counts, Rows = list }, text => Print(counts, list, text));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    private static CommandWithExamples Ask(
        string name, string description, ItemOptions items,
        Func<QueueRows, string, IReadOnlyList<(string, string)>, string?, CancellationToken, Task<AskedRows>> ask, string example)
    {
        var corpus = Arguments.Corpus();
        var json = Arguments.Json();
        var command = new CommandWithExamples(name, description, example, $"embeddings queue {name} sessions --all") { corpus };
        items.AddTo(command);
        command.Add(json);
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var asked = await ask(
                    session.Get<QueueRows>(), parsed.GetValue(corpus)!, items.Items(parsed), items.Error(parsed), cancellation);
                output.Result(asked, text => text.WriteLine($"Pending again: {asked.Pending:N0}."
                    + (
                        asked.Refused > 0
                            ? $" As before, because their rows are locked or the database refuses to have them written: {asked.Refused:N0}."
                            : "")));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    private static CommandWithExamples Drain()
    {
        var corpus = Arguments.Corpus();
        var batchSize = Arguments.Count(
            "--batch-size", "Records in a batch, instead of the declared number.", BackfillOptions.MaxBatchSize);
        var delay = Arguments.Delay("--delay", "A wait between batches; without it they are as fast as the provider's limits allow.");
        var json = Arguments.Json();
        var command = new CommandWithExamples("drain", "Process the queue until no request can be worked on.",
            "embeddings queue drain sessions",
            "embeddings queue drain summaries --batch-size 5 --delay 1s") { corpus, batchSize, delay, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                session.Settings.EnsureEnabled();
                var name = parsed.GetValue(corpus)!;
                await session.Get<QueueRows>().Counts(name, cancellation);
                var request = new RunRequest(
                    name, [], Concurrency: session.Settings.BatchesInFlight, BatchSize: parsed.GetValue(batchSize));
                var outcomes = parsed.GetValue(delay) == TimeSpan.Zero
                    ? [await BackfillCommand.RunOnce(session, output, request, cancellation)]
                    : await OneByOne(session, output, request, parsed.GetValue(delay), cancellation);
                return new QueueSummary(
                    session.Get<PriceTable>(), name, session.ModelOf(name), outcomes, cancellation.IsCancellationRequested).Print(output);
            }, cancellation);
        });
        return command;
    }

    private static Task<IReadOnlyList<RunOutcome>> OneByOne(
        Session session, Output output, RunRequest request, TimeSpan delay, CancellationToken cancellation)
    {
        var batch = request with { Limit = request.BatchSize ?? session.Corpora.Get(request.Corpus).BatchSize ?? BatchSizes.Least };
        return Iterations.Run(
            output, int.MaxValue, delay, () => BackfillCommand.RunOnce(session, output, batch, cancellation, isOneOfSeveral: true),
            cancellation);
    }

    private static void Print(IReadOnlyList<QueueCount> counts, IReadOnlyList<QueueRow> rows, TextWriter text)
    {
        text.WriteLine($"{"Table",-20}{"Column",-24}{"Status",-12}{"Count",8}");
        foreach (var count in counts)
        {
            var note = count.IsGranted ? "" : "  no declared corpus embeds it";
            text.WriteLine($"{count.TableName,-20}{count.EmbeddingColumn,-24}{count.Status,-12}{count.Count,8:N0}{note}");
        }

        text.WriteLine();
        foreach (var row in rows)
        {
            text.WriteLine(
                $"{row.Kind}:{row.Id}  {row.Status}, {row.Attempts} {(row.Attempts == 1 ? "attempt" : "attempts")}, queued "
                    + $"{row.CreatedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC{(row.Error is null ? "" : $": {row.Error}")}");
        }
    }
}
