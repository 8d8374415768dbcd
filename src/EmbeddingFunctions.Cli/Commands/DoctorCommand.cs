using System.CommandLine;
using EmbeddingFunctions.Cli.Status;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Cli.Commands;

internal static class DoctorCommand
{
    public static Command Create()
    {
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "doctor", "Check the database, the extension, each corpus and the provider; each line is ok or says what to do.",
            "embeddings doctor",
            "embeddings doctor --json") { json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Run(output, cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, CancellationToken cancellation)
    {
        // Its answer says all that the log would.
        await using var session = await Session.Open(output, cancellation, defaultLevel: LogLevel.None);
        var findings = await session.Get<Doctor>().Examine(session.Corpora.All, cancellation);
        output.Result(new { IsWell = findings.All(finding => finding.IsWell), Findings = findings }, text =>
        {
            foreach (var finding in findings)
            {
                text.WriteLine($"{(finding.IsWell ? "ok  " : "FAIL")} {finding.Subject}: {finding.Message}");
                if (finding.Advice is { } advice)
                {
                    text.WriteLine($"     {advice}");
                }
            }
        });
        return findings.All(finding => finding.IsWell) ? ExitCode.Done : ExitCode.Failed;
    }
}
