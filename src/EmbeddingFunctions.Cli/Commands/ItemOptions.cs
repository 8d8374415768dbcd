using System.CommandLine;

namespace EmbeddingFunctions.Cli.Commands;

/// <summary>Which items a command is about: by id, by the words of their error, or all.</summary>
internal sealed class ItemOptions
{
    private readonly Option<string[]> _id = new("--id")
    {
        Description = "This item, as its kind, a colon and its id; may be given several times.",
        HelpName = "kind:id"
    };
    private readonly Option<string?>? _error;
    private readonly Option<bool> _all;

    /// <param name="all">What all are.</param>
    /// <param name="byError">Whether they may be chosen by the words of their error.</param>
    public ItemOptions(string all, bool byError = true)
    {
        _all = new Option<bool>("--all") { Description = all };
        _error = byError
            ? new Option<string?>("--error") { Description = "All whose reason has these words in it.", HelpName = "text" }
            : null;
    }

    public void AddTo(Command command)
    {
        var options = new Option?[] { _id, _error, _all }.OfType<Option>().ToList();
        options.ForEach(command.Add);
        _id.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf(':') is <= 0))
            {
                result.AddError($"--id takes a kind, a colon and an id, like issue:42, not '{token.Value}'.");
            }
        });
        command.Validators.Add(result =>
        {
            if (options.Count(option => result.GetResult(option) is not null) != 1 || (_error is not null && result.GetValue(_error) is ""))
            {
                result.AddError(_error is null ? "Say which: --id KIND:ID or --all." : "Say which: --id KIND:ID, --error TEXT, or --all.");
            }
        });
    }

    public IReadOnlyList<(string Kind, string Id)> Items(ParseResult parsed) =>
        (parsed.GetValue(_id) ?? []).Select(text => (text[..text.IndexOf(':')], text[(text.IndexOf(':') + 1)..])).ToList();

    public string? Error(ParseResult parsed) => _error is null ? null : parsed.GetValue(_error);
}
