using System.CommandLine;
using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Cli.Commands;

internal static class SearchCommand
{
    public static Command Create()
    {
        var query = new Argument<string>("query") { Description = "What is looked for, in plain words." };
        return Create(
            "search", "Find items by meaning and by words.", query, hasQuery: true,
            (parsed, request) => request with { Query = parsed.GetValue(query) },
            "embeddings search workspace \"mails come too late\"",
            "embeddings search workspace ADR-031 --mode text --kind issue",
            "embeddings search articles \"late payments\" --where state=open --min-similarity 0.4 --json");
    }

    public static Command CreateSimilar()
    {
        var item = new Argument<string>("item") { Description = "The item, as its kind, a colon and its id." };
        return Create(
            "similar", "Find what is like an item, without the item itself and its copies.", item, hasQuery: false,
            (parsed, request) => request with { Item = ItemOf(parsed.GetValue(item)!) },
            "embeddings similar articles article:42",
            "embeddings similar workspace issue:6f9619ff-8b86-d011-b42d-00cf4fc964ff --partition '*' --limit 3");
    }

    private static Command Create(
        string name, string description, Argument<string> asked, bool hasQuery,
        Func<ParseResult, SearchRequest, SearchRequest> complete, params string[] examples)
    {
        var corpus = Arguments.Corpus();
        var options = new SearchOptions();
        var json = Arguments.Json();
        var command = new CommandWithExamples(name, description, examples) { corpus, asked };
        options.AddTo(command, hasQuery);
        command.Add(json);
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var request = complete(parsed, options.Request(parsed, parsed.GetValue(corpus)!, hasQuery));
                var answer = await session.Get<ISearch>().SearchAsync(request, cancellation);
                output.Result(answer, text => SearchTable.Print(answer, text));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    private static ItemKey ItemOf(string text) => text.IndexOf(':') is > 0 and var colon
        ? new ItemKey(text[..colon], text[(colon + 1)..])
        : throw new InvalidSearchException("item", $"An item is written as its kind, a colon and its id, not '{text}'.");
}
