using System.CommandLine;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Commands;

internal static class PauseCommand
{
    public static Command Create() => Create(
        "pause", "Let no batch of a corpus begin, in any process; what is in flight ends, and searches go on.",
        async (pauses, corpus, cancellation) =>
        {
            var since = await pauses.Pause(corpus, cancellation);
            var moment = $"{since?.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC";
            return (since, $"'{corpus}' is paused since {moment}: 'embeddings resume {corpus}' ends it.");
        });

    public static Command CreateResume() => Create(
        "resume", "Let the runs of a paused corpus go on.",
        async (pauses, corpus, cancellation) => (
            null, await pauses.Resume(corpus, cancellation) ? $"The runs of '{corpus}' go on." : $"'{corpus}' was not paused."));

    private static CommandWithExamples Create(
        string name, string description,
        Func<Pauses, string, CancellationToken, Task<(DateTimeOffset? Since, string Line)>> change)
    {
        var corpus = Arguments.Corpus();
        var json = Arguments.Json();
        var command = new CommandWithExamples(name, description, $"embeddings {name} workspace") { corpus, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var paused = Generation.CorpusOf(session.LiveName(parsed.GetValue(corpus)!));
                var (since, line) = await change(session.Get<Pauses>(), paused, cancellation);
                output.Result(new { Corpus = paused, PausedAt = since }, text => text.WriteLine(line));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }
}
