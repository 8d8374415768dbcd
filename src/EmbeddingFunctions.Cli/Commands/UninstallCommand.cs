using System.CommandLine;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions.Cli.Commands;

internal static class UninstallCommand
{
    public static Command Create()
    {
        var yes = new Option<bool>("--yes") { Description = "Do it; without, only say what would go." };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "uninstall", "Remove everything that the program ever made in a database, for all corpora, and nothing else.",
            "embeddings uninstall",
            "embeddings uninstall --yes") { yes, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Run(output, parsed.GetValue(yes), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, bool isSure, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var removal = session.Get<CorpusRemoval>();
        var corpora = await removal.Recorded(cancellation);
        var plan = new List<string>();
        var stays = new List<string>(await removal.Others("", cancellation));
        foreach (var corpus in corpora)
        {
            stays.AddRange(await removal.Others(corpus, cancellation));
            plan.AddRange((await removal.Plan(corpus, cancellation)).Select(line => $"{corpus}: {line}"));
        }

        plan.AddRange(await removal.Shared(cancellation));
        if (plan.Count > 0 && !isSure)
        {
            return output.Fail(
                $"This would go, and not come back:{string.Concat(plan.Select(line => $"\n  - {line}"))}\nAdd --yes to do it.",
                ExitCode.Usage);
        }

        // All are looked at before the first goes.
        foreach (var corpus in corpora)
        {
            await removal.EnsureIdle(corpus, cancellation);
        }

        foreach (var corpus in corpora)
        {
            await removal.Remove(corpus, line => output.Note($"{line} …"), cancellation);
        }

        if (plan.Count > 0)
        {
            await removal.RemoveShared(line => output.Note($"{line} …"), cancellation);
        }

        output.Result(new { Removed = plan, Stays = stays }, text => text.WriteLine(
            plan.Count == 0
                ? "Nothing of the program's is in this database: nothing to do."
                : "All that the program made is gone. What stays:"
                    + string.Concat(stays.Concat(["the extension vector", "your tables"]).Select(line => $"\n  - {line}"))));
        return ExitCode.Done;
    }
}
