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
        var command = new CommandWithExamples(
            "audit", "Read every row, and find those whose vector is of another text than theirs: edited past the triggers.",
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
        var audit = await session.Get<Audit>().Of(corpus, isRepaired, cancellation);
        var all = audit.Found.Values.Sum();
        output.Result(new { Corpus = corpus, audit.Found, Repaired = isRepaired, audit.Refused }, text => text.WriteLine(all == 0
            ? "Every vector is of its row's text."
            : $"{string.Join(", ", audit.Found.Select(kind => $"{kind.Value:N0} {kind.Key}"))} have a vector of another text; "
                + (!isRepaired ? $"'embeddings audit {corpus} --repair' makes them pending."
                    : audit.Refused == 0 ? $"they are pending now: 'embeddings backfill {corpus}' embeds them."
                    : $"{all - audit.Refused:N0} are pending now, {audit.Refused:N0} are not: their rows are locked, or a trigger or "
                        + "constraint refuses to have them written.")));
        return all == 0 || (isRepaired && audit.Refused == 0) ? ExitCode.Done : ExitCode.WithFailures;
    }
}
