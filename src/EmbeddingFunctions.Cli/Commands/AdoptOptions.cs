using System.CommandLine;
using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Hosting;

namespace EmbeddingFunctions.Cli.Commands;

/// <summary>What may be said of an adoption on the command line.</summary>
internal sealed class AdoptOptions
{
    private readonly Argument<string> _corpus = Arguments.Corpus();
    private readonly Option<string> _from = new("--from")
    {
        Description = "The column with the vectors; with its schema, where it needs one, and in double quotes, where a name has a dot.",
        HelpName = "table.column",
        Required = true,
    };
    private readonly Option<string> _model = new("--model")
    {
        Description = "The model that made them, which must be the corpus's own.",
        HelpName = "name",
        Required = true,
    };
    private readonly Option<string?> _kind = new("--kind")
    {
        Description = "Whose vectors they are, where the corpus has several kinds.",
        HelpName = "kind",
    };
    private readonly Option<string[]> _key = new("--key")
    {
        Description = "The source's column, or value in json (cmetadata->>'id'), that has an item's key; without, columns of the key's own "
            + "names. For a key of several columns once for each.",
        HelpName = "column",
    };
    private readonly Option<string[]> _where = new("--where")
    {
        Description = "Only rows of the source with this value, as collection_id=…; may be given several times.",
        HelpName = "name=value",
    };
    private readonly Option<string?> _text = new("--text")
    {
        Description = "The source's column with the text of each vector, for a corpus that embeds in chunks; without, chunk or document.",
        HelpName = "column",
    };
    private readonly Option<string?> _database = new("--from-database")
    {
        Description = "The database with the source, where it is another one: postgres://user@host/database; PGPASSWORD may have the "
            + "password.",
        HelpName = "url",
    };
    private readonly Option<int?> _sample;
    private readonly Option<bool> _yes = new("--yes") { Description = "Adopt without asking, if the sample is alike." };
    private readonly Option<bool> _json = Arguments.Json();
    private readonly int _defaultSample;

    public AdoptOptions(int defaultSample, int maxSample)
    {
        _defaultSample = defaultSample;
        _sample = Arguments.Count("--sample", $"How many items are embedded and compared first; {defaultSample} if not said.", maxSample);
        _where.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=') is <= 0))
            {
                result.AddError($"--where takes name=value, like collection_id=7, not '{token.Value}'.");
            }
        });
        _database.Validators.Add(result =>
        {
            try
            {
                _ = result.Tokens is [{ Value: var url }] ? DatabaseUrl.ToConnectionString(url) : null;
            }
            catch (FormatException e)
            {
                result.AddError($"--from-database {e.Message}");
            }
        });
    }

    public void AddTo(Command command)
    {
        command.Add(_corpus);
        foreach (var option in new Option[] { _from, _model, _kind, _key, _where, _text, _database, _sample, _yes, _json })
        {
            command.Add(option);
        }
    }

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    public bool IsSure(ParseResult parsed) => parsed.GetValue(_yes);

    /// <summary>As Npgsql reads it, or null.</summary>
    public string? Database(ParseResult parsed) => parsed.GetValue(_database) is { } url ? DatabaseUrl.ToConnectionString(url) : null;

    /// <exception cref="Corpora.InvalidCorpusException">The column is named in another form.</exception>
    public AdoptionRequest Request(ParseResult parsed) => new(
        parsed.GetValue(_corpus)!, ColumnName.Parse(parsed.GetValue(_from)!), parsed.GetValue(_model)!,
        parsed.GetValue(_sample) ?? _defaultSample)
    {
        Kind = parsed.GetValue(_kind),
        Key = parsed.GetValue(_key) ?? [],
        Where = (parsed.GetValue(_where) ?? []).Select(text => text.Split('=', 2)).DistinctBy(pair => pair[0])
            .ToDictionary(pair => pair[0], pair => pair[1]),
        Text = parsed.GetValue(_text),
    };
}
