using System.Text;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>The rules that declarations must satisfy before any database is asked.</summary>
internal static partial class CorpusRules
{
    private const int MaxIndexedVector = 2_000;
    private const int MaxIndexedHalfVec = 4_000;

    // Postgres cuts longer names without an error.
    private const int MaxNameBytes = 63;

    // What a pending view has of its own.
    private static readonly string[] _viewColumns = ["item_type", "id", "embedding_generated_at", "content_hash", "priority_score"];

    public static IEnumerable<DeclarationFault> Check(IReadOnlyList<Corpus> corpora) =>
        (corpora.Count == 0 ? [new("$.corpora", "there is no corpus")] : Shared(corpora))
            .Concat(corpora.SelectMany((corpus, i) => Check(corpus).Select(fault => fault.Within(PathOf(i), corpus.Name))));

    public static string PathOf(int corpus) => $"$.corpora[{corpus}]";

    // What two corpora cannot both have: each would undo what the other did.
    private static IEnumerable<DeclarationFault> Shared(IReadOnlyList<Corpus> corpora) =>
        Twice(corpora, corpus => [corpus.Name], "name", name => $"two corpora are called '{name}'")
            .Concat(
                Twice(
                    corpora,
                    corpus => corpus.Tables
                        .SelectMany(table => new[] { corpus.Store == Store.Column ? table.Table : table.Companion, table.Chunks?.Table })
                        .OfType<string>().Distinct(),
                    "tables", table => $"two corpora have the table '{table}': a row holds one vector"))
            .Concat(
                Twice(
                    corpora, corpus => corpus.SimilarityCache ? ["similarity_cache"] : [], "similarityCache",
                    cache => $"two corpora keep a {cache}"))
            .Concat(
                Twice(
                    corpora,
                    corpus => new[] { corpus.PendingView?.Name, corpus.JobsView }.Concat(corpus.Tables.Select(table => table.View))
                        .OfType<string>(),
                    "pendingView", view => $"two corpora have the view '{view}'"));

    private static IEnumerable<DeclarationFault> Twice(
        IReadOnlyList<Corpus> corpora, Func<Corpus, IEnumerable<string>> names, string property, Func<string, string> message) =>
        corpora.SelectMany((corpus, i) => names(corpus).Select(name => (Name: name, Corpus: i)))
            .GroupBy(named => named.Name).Where(group => group.Count() > 1)
            .Select(group => new DeclarationFault($"{PathOf(group.Last().Corpus)}.{property}", message(group.Key)));

    private static IEnumerable<DeclarationFault> Check(Corpus corpus) =>
        CheckNumbers(corpus).Concat(CheckPartitions(corpus)).Concat(CheckScheduled(corpus)).Concat(CheckView(corpus))
            .Concat(TableRules.Check(corpus));

    private static IEnumerable<DeclarationFault> CheckNumbers(Corpus corpus)
    {
        var maxDimensions = corpus.VectorType == VectorType.Vector ? MaxIndexedVector : MaxIndexedHalfVec;
        if (!IsName(corpus.Name))
        {
            yield return new("name", "a name is 1 to 40 of a-z, 0-9, _ and -, beginning with a letter");
        }

        if (corpus.Dimensions < 1 || corpus.Dimensions > maxDimensions)
        {
            yield return new("dimensions", $"dimensions is {corpus.Dimensions}; an index on this vectorType takes 1 to {maxDimensions}");
        }

        var numbers = new[]
        {
            (Name: "pageSize", Value: corpus.PageSize, Max: 10_000),
            (Name: "batchSize", Value: corpus.BatchSize ?? 1, Max: 2_048),
            (Name: "lanesPerPartition", Value: corpus.LanesPerPartition ?? 1, Max: 1_000),
            (Name: "startsPerMinute", Value: corpus.StartsPerMinute, Max: 10_000),
            (Name: "maxCharacters", Value: corpus.MaxCharacters, Max: 10_000_000),
            (Name: "scheduled.limit", Value: corpus.Scheduled?.Limit ?? 1, Max: int.MaxValue),
        };
        foreach (var number in numbers.Where(n => n.Value < 1 || n.Value > n.Max))
        {
            yield return new(number.Name, $"{number.Name} is {number.Value}; it takes 1 to {number.Max}");
        }

        if (corpus.Index is { M: < 2 or > 100 } or { EfConstruction: < 4 or > 1_000 } || corpus.Index.EfConstruction < 2 * corpus.Index.M)
        {
            yield return new(
                "index",
                $"index has m {corpus.Index.M} and efConstruction {corpus.Index.EfConstruction}; m takes 2 to 100, efConstruction 4 to "
                    + "1000 and at least twice m");
        }
    }

    private static IEnumerable<DeclarationFault> CheckPartitions(Corpus corpus) => corpus.Partitions is not { } partitions ? []
        : TableRules.CheckFilters(partitions.Filter)
            .Concat(TableRules.CheckFilters(partitions.Owner?.Filter ?? []).Select(fault => fault.Within("owner")))
            .Select(fault => fault.Within("partitions", "partitions"));

    private static IEnumerable<DeclarationFault> CheckScheduled(Corpus corpus)
    {
        if (Schedule.TryParse(corpus.Schedule) is null)
        {
            yield return new(
                "schedule",
                $"schedule is '{corpus.Schedule}'; it takes an NCrontab expression like '0 */15 * * * *' (seconds first, in UTC)");
        }

        if (corpus.Freshness is { } freshness && corpus.MaxLag is null)
        {
            yield return new("freshness", $"freshness is '{freshness}'; it takes a time like '5 minutes', '30 seconds' or '1 hour'");
        }

        if (corpus.Scheduled?.NewerThan is not { } time)
        {
            yield break;
        }

        if (!ScheduledRuns.IsTime(time))
        {
            yield return new(
                "scheduled.newerThan", $"scheduled.newerThan is '{time}'; it takes a time like '7 days', '12 hours' or '2 weeks'");
        }

        foreach (var table in corpus.Tables.Where(table => table.CreatedAt is null))
        {
            yield return new(
                "scheduled.newerThan",
                $"{table.Kind}: scheduled.newerThan looks at when a row was made, so the table needs a createdAt column");
        }
    }

    private static IEnumerable<DeclarationFault> CheckView(Corpus corpus)
    {
        if (corpus.PendingView is not { } view)
        {
            return [];
        }

        var name = IsTableName(view.Name)
            ? Enumerable.Empty<string>()
            : [$"the pendingView's name is not 1 to {MaxNameBytes} bytes long"];
        return name.Concat(Repeated(view.Columns.Concat(_viewColumns), column => $"the pendingView would have the column '{column}' twice"))
            .Select(message => new DeclarationFault("pendingView", message));
    }

    internal static bool IsName(string name) => NamePattern().IsMatch(name);

    internal static bool IsTableName(string name) => name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= MaxNameBytes;

    internal static IEnumerable<string> Repeated(IEnumerable<string> names, Func<string, string> error) =>
        names.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => error(group.Key));

    [GeneratedRegex(@"^[a-z][a-z0-9_-]{0,39}\z")]
    private static partial Regex NamePattern();
}
