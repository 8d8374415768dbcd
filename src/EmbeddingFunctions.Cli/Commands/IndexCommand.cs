using System.CommandLine;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Commands;

internal static class IndexCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var rebuild = new Option<bool>("--rebuild") { Description = "Build each again beside the one that searches use, then replace it." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("index",
            "Build the indexes for search that a migration left for later, without blocking writers.",
            "embeddings index articles",
            "embeddings index articles --rebuild") { corpus, rebuild, json };
        command.SetAction((parsed, cancellation) =>
        {
            var (output, name) = (new Output(parsed.GetValue(json)), parsed.GetValue(corpus)!);
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var (indexes, resolved) = (
                    session.Get<ISearchIndexes>(), await session.Get<ResolvedCorpora>().Get(session.LiveName(name), cancellation));
                await (parsed.GetValue(rebuild) ? indexes.Rebuild(resolved, cancellation) : indexes.BuildNow(resolved, cancellation));
                var states = await indexes.States(resolved, cancellation);
                output.Result(new { Corpus = name, Indexes = states }, text =>
                {
                    foreach (var index in states)
                    {
                        text.WriteLine($"{index.Name} on {index.Table}: {index.State.ToString().ToLowerInvariant()}");
                    }
                });
                return states.All(index => index.State == SearchIndexState.Ready) ? ExitCode.Done : ExitCode.WithFailures;
            }, cancellation);
        });
        return command;
    }
}
