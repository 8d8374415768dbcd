using System.CommandLine;
using System.CommandLine.Parsing;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Commands;

/// <summary>What may be said of a backfill on the command line.</summary>
internal sealed class BackfillOptions
{
    public const int MaxBatchSize = 2_048;
    private const int MaxInputs = 2_048;
    private const int MaxPageSize = 10_000;
    private const int MaxConcurrency = 256;

    private readonly Argument<string> _corpus = Arguments.Corpus();
    private readonly Option<int?> _limit = Arguments.Count("--limit", "At most this number of items (with --iterations: of each run).");
    private readonly Option<string?> _partition = new("--partition")
    {
        Description = "Only this partition's items: its key, for a workspace the repository's id.",
        HelpName = "key"
    };
    private readonly Option<string[]> _kind = new("--kind")
    {
        Description = "Only items of this kind; may be given several times.",
        HelpName = "kind"
    };
    private readonly Option<string[]> _where = new("--where")
    {
        Description = "Only items whose column, by its name in the declaration's 'where', has the value; may be given several times.",
        HelpName = "name=value"
    };
    private readonly Option<string?> _archive = new("--archive")
    {
        Description = "Only this archive's documents: --where archive=NAME.",
        HelpName = "name"
    };
    private readonly Option<long?> _fromId = Arguments.Id(
        "--resume-from-id", "Only items with this id or a higher one, where ids are numbers.");
    private readonly Option<int?> _batchSize = Arguments.Count(
        "--batch-size", "Items in a batch, instead of the declared number.", MaxBatchSize);
    private readonly Option<int?> _inputs = Arguments.Count(
        "--embedding-batch-size", "The largest number of texts a request, instead of as many as the provider takes.", MaxInputs);
    private readonly Option<int?> _pageSize = Arguments.Count(
        "--page-size", "Items planned at a time, instead of the declared number.", MaxPageSize);
    private readonly Option<int?> _concurrency = Arguments.Count(
        "--concurrency", "Requests in flight, instead of EMBEDDING_CONCURRENCY.", MaxConcurrency);
    private readonly Option<int?> _iterations = Arguments.Count(
        "--iterations", "This number of runs of a page each, instead of one run to the end; stops early when nothing is pending.");
    private readonly Option<TimeSpan> _delay = Arguments.Delay("--delay", "The wait between iterations, like 5s.");
    private readonly Option<bool> _force = new("--force")
    {
        Description = "Embed everything in scope again, changed or not; an interrupted --force continues where it was."
    };
    private readonly Option<bool> _yesMix = new("--yes-mix")
    {
        Description = "Replace vectors of another model in place: until all are replaced, searches compare the two."
    };
    private readonly Option<bool> _retryNow = new("--retry-now")
    {
        Description = "Also take items that failed and wait for their next attempt."
    };
    private readonly Option<decimal?> _maxCost = Arguments.Dollars(
        "--max-cost", "The most dollars that the run may spend: it ends as cap_reached before it spends more.");
    private readonly Option<string> _lane = Arguments.Lane();
    private readonly Option<bool> _cancel = new("--cancel")
    {
        Description = "With --lane batch: end the corpus's run; what is done by then is written."
    };
    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Predict items, requests, tokens, dollars and minutes; no provider calls, no writes."
    };
    private readonly Option<bool> _json = Arguments.Json();

    public void AddTo(Command command)
    {
        command.Add(_corpus);
        foreach (
            var option in new Option[]
            {
                _limit,
                _partition,
                _kind,
                _where,
                _archive,
                _fromId,
                _batchSize,
                _inputs,
                _pageSize,
                _concurrency,
                _iterations,
                _delay,
                _force,
                _yesMix,
                _retryNow,
                _maxCost,
                _lane,
                _cancel,
                _dryRun,
                _json
            })
        {
            command.Add(option);
        }

        command.Validators.Add(Check);
    }

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    public bool IsRetryNow(ParseResult parsed) => parsed.GetValue(_retryNow);

    public bool IsOnBatchLane(ParseResult parsed) => parsed.GetValue(_lane) == Arguments.BatchLane;

    public bool IsCancel(ParseResult parsed) => parsed.GetValue(_cancel);

    public bool IsDryRun(ParseResult parsed) => parsed.GetValue(_dryRun);

    public EmbeddingSettings Adjust(ParseResult parsed, EmbeddingSettings settings) =>
        settings with
        {
            Concurrency = parsed.GetValue(_concurrency) ?? settings.Concurrency,
            InputsPerRequest = parsed.GetValue(_inputs) ?? settings.InputsPerRequest
        };

    public RunRequest Request(ParseResult parsed, int batchesInFlight) => new(
        parsed.GetValue(_corpus)!, parsed.GetValue(_kind) ?? [], parsed.GetValue(_partition), parsed.GetValue(_limit),
        parsed.GetValue(_force),
        batchesInFlight, parsed.GetValue(_pageSize), parsed.GetValue(_batchSize))
    {
        Selection = Selection(parsed),
        AllowMixedModels = parsed.GetValue(_yesMix),
        MaxDollars = parsed.GetValue(_maxCost),
    };

    /// <returns>How many, with how long a wait between them; null: one run to the end.</returns>
    public (int Count, TimeSpan Delay)? Iterations(ParseResult parsed) =>
        parsed.GetValue(_iterations) is { } count ? (count, parsed.GetValue(_delay)) : null;

    private Selection? Selection(ParseResult parsed)
    {
        var where = (parsed.GetValue(_where) ?? []).Select(Named).ToDictionary(named => named.Name, named => named.Value);
        if (parsed.GetValue(_archive) is { } archive)
        {
            where.Add(_archive.Name[2..], archive);
        }

        return where.Count == 0 && parsed.GetValue(_fromId) is null ? null : new Selection(where, parsed.GetValue(_fromId));
    }

    private static (string Name, string Value) Named(string text) =>
        text.Split('=', 2) is [{ Length: > 0 } name, var value] ? (name, value) : ("", text);

    private IEnumerable<string> Misspelt(CommandResult result)
    {
        var named = (result.GetValue(_where) ?? []).Select(Named).ToList();
        var names = named.Select(where => where.Name).Concat(result.GetResult(_archive) is null ? [] : [_archive.Name[2..]]);
        return named.Where(where => where.Name.Length == 0)
            .Select(where => $"--where takes name=value, like archive=laws.tar.bz2, not '{where.Value}'.")
            .Concat(
                names.GroupBy(name => name).Where(group => group.Key.Length > 0 && group.Count() > 1)
                    .Select(group => $"Give one value for {group.Key}."));
    }

    private void Check(CommandResult result)
    {
        foreach (var error in Misspelt(result))
        {
            result.AddError(error);
        }

        if (result.GetResult(_retryNow) is not null && result.GetResult(_dryRun) is not null)
        {
            result.AddError("--retry-now changes what waits, and --dry-run changes nothing: leave one of them out.");
        }

        if (result.GetResult(_cancel) is not null && result.GetValue(_lane) != Arguments.BatchLane)
        {
            result.AddError("--cancel ends a run on the batch lane: give --lane batch too. Ctrl-C ends a run that this terminal shows.");
        }

        if (result.GetResult(_iterations) is not null && result.GetValue(_lane) == Arguments.BatchLane)
        {
            result.AddError("--lane batch is one run to the end: leave --iterations out.");
        }

        if (result.GetResult(_iterations) is not null && result.GetResult(_maxCost) is not null)
        {
            result.AddError("--max-cost is the cap of one run to the end: leave --iterations out.");
        }

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
