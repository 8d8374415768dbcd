using System.CommandLine;
using System.CommandLine.Parsing;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Cli.Commands;

/// <summary>What may be said of a backfill on the command line.</summary>
internal sealed class BackfillOptions
{
    private const int MaxBatchSize = 2_048;
    private const int MaxPageSize = 10_000;
    private const int MaxConcurrency = 256;

    private readonly Argument<string> _corpus = Arguments.Corpus();
    private readonly Option<int?> _limit = Arguments.Count("--limit", "At most so many items (with --iterations: each).");
    private readonly Option<string?> _partition = new("--partition") { Description = "Only this partition's items: its key, for a workspace the repository's id.", HelpName = "key" };
    private readonly Option<string[]> _kind = new("--kind") { Description = "Only items of this kind; may be given several times.", HelpName = "kind" };
    private readonly Option<int?> _batchSize = Arguments.Count("--batch-size", "Items in a batch, instead of the declared number.", MaxBatchSize);
    private readonly Option<int?> _pageSize = Arguments.Count("--page-size", "Items planned at a time, instead of the declared number.", MaxPageSize);
    private readonly Option<int?> _concurrency = Arguments.Count("--concurrency", "Requests in flight, instead of EMBEDDING_CONCURRENCY.", MaxConcurrency);
    private readonly Option<int?> _iterations = Arguments.Count("--iterations", "So many runs of a page each, instead of one run to the end; stops early when nothing is pending.");
    private readonly Option<TimeSpan> _delay = Arguments.Delay("--delay", "The wait between iterations, like 5s.");
    private readonly Option<bool> _force = new("--force") { Description = "Embed everything in scope anew, changed or not; an interrupted --force goes on where it was." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Predict items, requests, tokens, dollars and minutes; call nobody, write nothing." };
    private readonly Option<bool> _json = Arguments.Json();

    public void AddTo(Command command)
    {
        command.Add(_corpus);
        foreach (var option in new Option[] { _limit, _partition, _kind, _batchSize, _pageSize, _concurrency, _iterations, _delay, _force, _dryRun, _json })
        {
            command.Add(option);
        }

        command.Validators.Add(Check);
    }

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    public bool IsDryRun(ParseResult parsed) => parsed.GetValue(_dryRun);

    public EmbeddingSettings Adjust(ParseResult parsed, EmbeddingSettings settings) =>
        settings with { Concurrency = parsed.GetValue(_concurrency) ?? settings.Concurrency };

    public RunRequest Request(ParseResult parsed, int batchesInFlight) => new(
        parsed.GetValue(_corpus)!, parsed.GetValue(_kind) ?? [], parsed.GetValue(_partition), parsed.GetValue(_limit), parsed.GetValue(_force),
        batchesInFlight, parsed.GetValue(_pageSize), parsed.GetValue(_batchSize));

    /// <returns>How many, with how long a wait between them; null: one run to the end.</returns>
    public (int Count, TimeSpan Delay)? Iterations(ParseResult parsed) =>
        parsed.GetValue(_iterations) is { } count ? (count, parsed.GetValue(_delay)) : null;

    private void Check(CommandResult result)
    {
        if (result.GetResult(_iterations) is null && result.GetResult(_delay) is not null)
        {
            result.AddError("--delay is the wait between iterations: give --iterations too.");
        }
        else if (result.GetResult(_iterations) is not null && (result.GetResult(_force) ?? result.GetResult(_dryRun)) is { } other)
        {
            result.AddError($"{other.Option.Name} takes everything in one go: leave --iterations out.");
        }
    }
}
