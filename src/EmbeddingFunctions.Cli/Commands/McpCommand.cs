using System.CommandLine;
using EmbeddingFunctions.Cli.Mcp;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Cli.Commands;

internal static class McpCommand
{
    public static Command Create()
    {
        var corpus = new Option<string[]>("--corpus")
        {
            Description = "Only this corpus may be searched; may be given several times.",
            HelpName = "name"
        };
        var partition = new Option<string[]>("--partition")
        {
            Description = "Only items of this partition may be found; may be given several times.",
            HelpName = "key"
        };
        var command = new CommandWithExamples(
            "mcp", "Serve search to an agent that starts this program: the Model Context Protocol over standard input and output.",
            "embeddings mcp",
            "claude mcp add embeddings -e DATABASE_URL=$DATABASE_URL -- embeddings mcp",
            "embeddings mcp --corpus workspace") { corpus, partition };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(false);
            return Failures.Guard(
                output, () => Run(output, parsed.GetValue(corpus), parsed.GetValue(partition), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, string[]? corpora, string[]? partitions, CancellationToken stopping)
    {
        await using var session = await Session.Open(output, stopping);
        var names = corpora?.Select(name => session.Corpora.Live(name).DeclaredName).ToList();
        var scope = new SearchScope(names is { Count: > 0 } ? names : null, partitions is { Length: > 0 } ? partitions : null);
        await SearchAgents.Serve(session, scope, stopping);
        return ExitCode.Done;
    }
}
