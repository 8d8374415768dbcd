using System.CommandLine;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class AuditCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var repair = new Option<bool>("--repair") { Description = "Make the rows pending that are found; without, only count them." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("audit", "Read every row, and find those whose vector is of another text than theirs: edited past the triggers.",
            "embeddings audit workspace",
            "embeddings audit workspace --repair") { corpus, repair, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Run(output, parsed.GetValue(corpus)!, parsed.GetValue(repair), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, string corpus, bool isRepaired, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var found = await session.Get<Audit>().Of(corpus, isRepaired, cancellation);
        var all = found.Values.Sum();
        output.Result(new { Corpus = corpus, Found = found, Repaired = isRepaired }, text => text.WriteLine(all == 0
            ? "Every vector is of its row's text."
            : $"{string.Join(", ", found.Select(kind => $"{kind.Value:N0} {kind.Key}"))} have a vector of another text; "
                + (isRepaired ? $"they are pending now: 'embeddings backfill {corpus}' embeds them." : $"'embeddings audit {corpus} --repair' makes them pending.")));
        return all == 0 || isRepaired ? ExitCode.Done : ExitCode.WithFailures;
    }
}
