using System.CommandLine;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli.Commands;

internal static class ForgetCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var item = new Argument<string>("item")
        {
            Description = "The item, as its kind, a colon and its id; its row may be deleted already.",
            HelpName = "kind:id",
        };
        item.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var value }] && value.IndexOf(':') is <= 0)
            {
                result.AddError($"An item is a kind, a colon and an id, like issue:42, not '{value}'.");
            }
        });
        var yes = new Option<bool>("--yes") { Description = "Do it; without, only say what would go." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("forget",
            "Clear everything that is kept of one item: vector, chunks, queue row, copies, cached vectors of its text, failure. The row "
                + "itself is kept; the item is ignored until its text changes.",
            "embeddings forget workspace issue:42",
            "embeddings forget workspace issue:42 --yes") { corpus, item, yes, json };
        command.SetAction((parsed, cancellation) =>
        {
            var (output, named) = (new Output(parsed.GetValue(json)), parsed.GetValue(item)!);
            var (kind, id) = (named[..named.IndexOf(':')], named[(named.IndexOf(':') + 1)..]);
            return Failures.Guard(
                output, () => Run(output, parsed.GetValue(corpus)!, kind, id, parsed.GetValue(yes), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, string corpus, string kind, string id, bool isSure, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        corpus = session.LiveName(corpus);
        var erasure = session.Get<Erasure>();
        if (!isSure)
        {
            var kept = await erasure.Find(corpus, kind, id, cancellation);
            var plan = string.Concat(Lines(kept).Select(line => $"\n  - {line}"));
            return output.Fail($"This would go, and not come back:{plan}\n{After(kept)}\nAdd --yes to do it.", ExitCode.Usage);
        }

        var forgotten = await erasure.Forget(corpus, kind, id, cancellation);
        output.Result(
            forgotten, text => text.WriteLine($"Gone of {kind}:{id}: {string.Join(", ", Lines(forgotten))}.\n{After(forgotten)}"));
        return ExitCode.Done;
    }

    private static IEnumerable<string> Lines(KeptOfItem kept) =>
        new[]
        {
            kept.HasVector ? "its vector" : null,
            kept.Chunks > 0 ? $"{kept.Chunks:N0} chunks" : null,
            kept.QueueRows > 0 ? "its row of embedding_queue" : null,
            kept.Copies > 0 ? "its copy in similarity_cache" : null,
            kept.Failures > 0 ? "its failure, and what runs said of it" : null,
        }.OfType<string>().Append("cached vectors of its text");

    private static string After(KeptOfItem kept) => kept.HasRow
        ? "Its row is there, and gets no vector until its text changes or 'embeddings failures retry' names it. "
            + "To end that too, delete the row or leave it out by the declaration's filter."
        : "Its row is gone. Cached vectors of texts that nothing here names any more go within 30 days.";
}
