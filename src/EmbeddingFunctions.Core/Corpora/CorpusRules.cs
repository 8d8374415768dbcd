using System.Text;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>What declarations must satisfy before any database is asked.</summary>
internal static partial class CorpusRules
{
    private const int MaxIndexedVector = 2_000;
    private const int MaxIndexedHalfVec = 4_000;

    // Postgres cuts longer names without an error.
    private const int MaxNameBytes = 63;

    // What a pending view has of its own.
    private static readonly string[] _viewColumns = ["item_type", "id", "embedding_generated_at", "content_hash", "priority_score"];

    public static IEnumerable<string> Check(IReadOnlyList<Corpus> corpora) =>
        (corpora.Count == 0 ? ["there is no corpus"] : Shared(corpora)).Concat(corpora.SelectMany(Check));

    // What two corpora cannot both have: each would undo what the other did.
    private static IEnumerable<string> Shared(IReadOnlyList<Corpus> corpora) =>
        Repeated(corpora.Select(c => c.Name), name => $"two corpora are called '{name}'")
            .Concat(Repeated(corpora.SelectMany(c => c.Tables.Select(t => t.Table).Distinct()),
                table => $"two corpora have the table '{table}': a row holds one vector"))
            .Concat(Repeated(corpora.Where(c => c.SimilarityCache).Select(_ => "similarity_cache"), cache => $"two corpora keep a {cache}"))
            .Concat(Repeated(corpora.Select(c => c.PendingView?.Name).OfType<string>(), view => $"two corpora have the view '{view}'"));

    private static IEnumerable<string> Check(Corpus corpus) =>
        CheckNumbers(corpus).Concat(CheckScheduled(corpus)).Concat(CheckView(corpus)).Concat(TableRules.Check(corpus)).Select(error => $"{corpus.Name}: {error}");

    private static IEnumerable<string> CheckNumbers(Corpus corpus)
    {
        var maxDimensions = corpus.VectorType == VectorType.Vector ? MaxIndexedVector : MaxIndexedHalfVec;
        if (!IsName(corpus.Name))
        {
            yield return "a name is 1 to 40 of a-z, 0-9, _ and -, beginning with a letter";
        }

        if (corpus.Dimensions < 1 || corpus.Dimensions > maxDimensions)
        {
            yield return $"dimensions is {corpus.Dimensions}; an index on this vectorType takes 1 to {maxDimensions}";
        }

        if (Schedule.TryParse(corpus.Schedule) is null)
        {
            yield return $"schedule is '{corpus.Schedule}'; it takes an NCrontab expression like '0 */15 * * * *' (seconds first, in UTC)";
        }

        var numbers = new[]
        {
            (Name: "pageSize", Value: corpus.PageSize, Max: 10_000),
            (Name: "batchSize", Value: corpus.BatchSize, Max: 2_048),
            (Name: "lanesPerPartition", Value: corpus.LanesPerPartition, Max: 1_000),
            (Name: "startsPerMinute", Value: corpus.StartsPerMinute, Max: 10_000),
            (Name: "maxCharacters", Value: corpus.MaxCharacters, Max: 10_000_000),
            (Name: "scheduled.limit", Value: corpus.Scheduled?.Limit ?? 1, Max: int.MaxValue),
        };
        foreach (var number in numbers.Where(n => n.Value < 1 || n.Value > n.Max))
        {
            yield return $"{number.Name} is {number.Value}; it takes 1 to {number.Max}";
        }

        if (corpus.Index is { M: < 2 or > 100 } or { EfConstruction: < 4 or > 1_000 } || corpus.Index.EfConstruction < 2 * corpus.Index.M)
        {
            yield return $"index has m {corpus.Index.M} and efConstruction {corpus.Index.EfConstruction}; m takes 2 to 100, efConstruction 4 to 1000 and at least twice m";
        }
    }

    private static IEnumerable<string> CheckScheduled(Corpus corpus)
    {
        if (corpus.Scheduled?.NewerThan is not { } time)
        {
            yield break;
        }

        if (!ScheduledRuns.IsTime(time))
        {
            yield return $"scheduled.newerThan is '{time}'; it takes a time like '7 days', '12 hours' or '2 weeks'";
        }

        foreach (var table in corpus.Tables.Where(table => table.CreatedAt is null))
        {
            yield return $"{table.Kind}: scheduled.newerThan looks at when a row was made, so the table needs a createdAt column";
        }
    }

    private static IEnumerable<string> CheckView(Corpus corpus)
    {
        if (corpus.PendingView is not { } view)
        {
            return [];
        }

        var name = view.Name.Length > 0 && Encoding.UTF8.GetByteCount(view.Name) <= MaxNameBytes
            ? Enumerable.Empty<string>()
            : [$"the pendingView's name is not 1 to {MaxNameBytes} bytes long"];
        return name.Concat(Repeated(view.Columns.Concat(_viewColumns), column => $"the pendingView would have the column '{column}' twice"));
    }

    internal static bool IsName(string name) => NamePattern().IsMatch(name);

    internal static IEnumerable<string> Repeated(IEnumerable<string> names, Func<string, string> error) =>
        names.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => error(group.Key));

    [GeneratedRegex(@"^[a-z][a-z0-9_-]{0,39}\z")]
    private static partial Regex NamePattern();
}
