using System.CommandLine;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Switching;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Cli.Commands;

internal static class StatusCommand
{
    public static Command Create()
    {
        var corpus = new Argument<string?>("corpus") { Description = "Only this corpus.", Arity = ArgumentArity.ZeroOrOne };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "status", "Show how much is embedded, what is pending, what failed and why, and the last runs.",
            "embeddings status",
            "embeddings status workspace --json") { corpus, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Run(output, parsed.GetValue(corpus), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, string? corpus, CancellationToken cancellation)
    {
        // Its answer says all that the log would.
        await using var session = await Session.Open(output, cancellation, defaultLevel: LogLevel.None);
        var report = session.Get<SwitchedStatus>();
        var status = corpus is null ? await report.OfAll(cancellation)
            : await report.OfOnly(session.LiveName(corpus), cancellation);
        if (status.NotMigrated.Count > 0)
        {
            output.Note($"Not migrated: {string.Join(", ", status.NotMigrated)}.");
        }

        output.Result(status, text =>
        {
            foreach (var one in status.Corpora)
            {
                StatusText.Print(one, text);
            }

            StatusText.PrintSpending(status.Spending, text);
            StatusText.PrintRedis(status.Corpora.Count > 0 ? status.Corpora[0].Redis : null, text);
        });
        return ExitCode.Done;
    }
}
