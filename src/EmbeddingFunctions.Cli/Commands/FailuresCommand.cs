using System.CommandLine;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Cli.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class FailuresCommand
{
    private const int Shown = 50;

    public static Command Create() =>
        new CommandWithExamples("failures", "List failed items, retry them, or ignore them.",
        "embeddings failures list workspace",
        "embeddings failures retry workspace --all",
        "embeddings failures ignore workspace --error \"content policy\"")
    {
        List(),
        Decide("retry", "Give failed items three new attempts, from the next run on.", async (items, corpus, choice, cancellation) =>
        {
            var done = await items.Retry(corpus, choice, cancellation);
            return (done, $"To be tried again: {done.Retried:N0}.{Refused(done.Refused)}");
        }),
        Decide("ignore", "Leave failed items alone until their text changes.", async (items, corpus, choice, cancellation) =>
        {
            var done = await items.Ignore(corpus, choice, cancellation);
            return (
                done,
                "Ignored until their text changes: "
                    + $"{done.Ignored:N0}.{(done.Edited > 0 ? $" Edited since they failed, and pending again: {done.Edited:N0}." : "")}"
                + Refused(done.Refused));
        }),
    };

    private static string Refused(int items) =>
        items > 0 ? $" Still failed, because their rows are locked or the database refuses to have them written: {items:N0}." : "";

    private static CommandWithExamples List()
    {
        var corpus = Arguments.Corpus();
        var limit = Arguments.Count("--limit", $"At most this number of items; {Shown} unless given.");
        var json = Arguments.Json();
        var command = new CommandWithExamples("list", "List failed items, the latest first.",
            "embeddings failures list workspace",
            "embeddings failures list workspace --limit 1000 --json") { corpus, limit, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var items = await session.Get<FailedItems>().List(
                    session.LiveName(parsed.GetValue(corpus)!), parsed.GetValue(limit) ?? Shown, cancellation);
                output.Result(new { Items = items }, text => Print(items, text));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    private static CommandWithExamples Decide(
        string name, string description,
        Func<FailedItems, string, FailureFilter, CancellationToken, Task<(object Result, string Line)>> decide)
    {
        var corpus = Arguments.Corpus();
        var items = new ItemOptions("All that failed.");
        var json = Arguments.Json();
        var command = new CommandWithExamples(name, description,
            $"embeddings failures {name} workspace --id issue:42 --id issue:43",
            $"embeddings failures {name} workspace --error \"content policy\"",
            $"embeddings failures {name} workspace --all") { corpus };
        items.AddTo(command);
        command.Add(json);
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var done = await decide(
                    session.Get<FailedItems>(), session.LiveName(parsed.GetValue(corpus)!),
                    new FailureFilter(items.Items(parsed), items.Error(parsed)), cancellation);
                output.Result(done.Result, text => text.WriteLine(done.Line));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    private static void Print(IReadOnlyList<FailedItem> items, TextWriter text)
    {
        if (items.Count == 0)
        {
            text.WriteLine("Nothing has failed.");
        }

        foreach (var item in items)
        {
            text.WriteLine(
                $"{item.Kind}:{item.Id}  {item.FailedAt?.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, {item.Attempts} "
                    + $"{(item.Attempts == 1 ? "attempt" : "attempts")}, {NextTry.Text(item.IsDead, item.NextTry)}: {item.Reason}");
        }
    }
}
