using System.CommandLine;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class AuditCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var repair = new Option<bool>("--repair")
        {
            Description = "Mark the rows that are found as pending; without it, they are only counted."
        };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "audit", "Read every declared row and find vectors that belong to another text, as after writes that skipped the triggers.",
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
        var audit = await session.Get<Audit>().Of(session.LiveName(corpus), isRepaired, cancellation);
        var all = audit.Found.Values.Sum();
        output.Result(new { Corpus = corpus, audit.Found, Repaired = isRepaired, audit.Refused }, text => text.WriteLine(all == 0
            ? "Every vector of a declared row belongs to its text."
            : $"{string.Join(", ", audit.Found.Select(kind => $"{kind.Value:N0} {kind.Key}"))} with a vector of another text; "
                + (!isRepaired ? $"'embeddings audit {corpus} --repair' makes them pending."
                    : audit.Refused == 0 ? $"they are pending now: 'embeddings backfill {corpus}' embeds them."
                    : $"{all - audit.Refused:N0} are pending now, {audit.Refused:N0} are not: their rows are locked, or a trigger or "
                        + "constraint refuses to have them written.")));
        return all == 0 || (isRepaired && audit.Refused == 0) ? ExitCode.Done : ExitCode.WithFailures;
    }
}
