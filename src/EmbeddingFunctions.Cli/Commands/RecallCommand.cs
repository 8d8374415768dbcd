using System.CommandLine;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;

namespace EmbeddingFunctions.Cli.Commands;

internal static class RecallCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var neighbours = Arguments.Count("--k", "How many nearest items are looked for; 10 unless given.", max: 100);
        var queries = Arguments.Count("--queries", "How many items they are looked for of; 200 unless given.", max: 10_000);
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "recall", "Measure how well the index for search finds what an exact search finds, and how fast.",
            "embeddings recall articles",
            "embeddings recall articles --k 20 --queries 500") { corpus, neighbours, queries, json };
        command.SetAction((parsed, cancellation) =>
        {
            var (output, name) = (new Output(parsed.GetValue(json)), parsed.GetValue(corpus)!);
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var resolved = await session.Get<ResolvedCorpora>().Get(session.LiveName(name), cancellation);
                var measured = await session.Get<RecallProbe>().Measure(
                    resolved, parsed.GetValue(neighbours) ?? 10, parsed.GetValue(queries) ?? 200, line => output.Note($"{line} …"),
                    cancellation);
                output.Result(new { Corpus = name, Recalls = measured }, text => Print(measured, text));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    public static void Print(IReadOnlyList<MeasuredRecall> measured, TextWriter text)
    {
        if (measured.Count == 0)
        {
            text.WriteLine("There are no vectors to search.");
        }

        foreach (var kind in measured)
        {
            text.WriteLine(
                $"{kind.Kind}: recall@{kind.Neighbours} is {kind.Recall:0.000} with ef_search {kind.EfSearch}; by the index "
                    + $"{kind.IndexP50:0.0} ms (p95 {kind.IndexP95:0.0}), exactly {kind.ExactP50:0.0} ms (p95 {kind.ExactP95:0.0}); "
                    + $"0.95 takes ef_search {kind.EfFor95?.ToString() ?? "above 800"}, 0.99 {kind.EfFor99?.ToString() ?? "above 800"}");
        }
    }
}
