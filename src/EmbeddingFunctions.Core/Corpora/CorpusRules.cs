using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>What a declaration must satisfy before any database is asked.</summary>
internal static partial class CorpusRules
{
    private const int MaxIndexedVector = 2_000;
    private const int MaxIndexedHalfVec = 4_000;

    public static IEnumerable<string> Check(IReadOnlyList<Corpus> corpora) =>
        Repeated(corpora.Select(c => c.Name), name => $"two corpora are called '{name}'").Concat(corpora.SelectMany(Check));

    private static IEnumerable<string> Check(Corpus corpus)
    {
        foreach (var error in CheckNumbers(corpus).Concat(CheckTables(corpus)))
        {
            yield return $"{corpus.Name}: {error}";
        }
    }

    private static IEnumerable<string> CheckNumbers(Corpus corpus)
    {
        var maxDimensions = corpus.VectorType == VectorType.Vector ? MaxIndexedVector : MaxIndexedHalfVec;
        if (!NamePattern().IsMatch(corpus.Name))
        {
            yield return "a name is 1 to 40 of a-z, 0-9, _ and -, beginning with a letter";
        }

        if (corpus.Dimensions < 1 || corpus.Dimensions > maxDimensions)
        {
            yield return $"dimensions is {corpus.Dimensions}; an index on this vectorType takes 1 to {maxDimensions}";
        }

        var numbers = new[]
        {
            (Name: "pageSize", Value: corpus.PageSize, Max: 10_000),
            (Name: "batchSize", Value: corpus.BatchSize, Max: 2_048),
            (Name: "lanesPerPartition", Value: corpus.LanesPerPartition, Max: 1_000),
            (Name: "startsPerMinute", Value: corpus.StartsPerMinute, Max: 10_000),
            (Name: "maxCharacters", Value: corpus.MaxCharacters, Max: 10_000_000),
        };
        foreach (var number in numbers.Where(n => n.Value < 1 || n.Value > n.Max))
        {
            yield return $"{number.Name} is {number.Value}; it takes 1 to {number.Max}";
        }
    }

    private static IEnumerable<string> CheckTables(Corpus corpus)
    {
        if (corpus.Tables.Count == 0)
        {
            yield return "it has no tables";
        }

        foreach (var error in Repeated(corpus.Tables.Select(t => t.Kind), kind => $"two tables have the kind '{kind}'"))
        {
            yield return error;
        }

        foreach (var table in corpus.Tables)
        {
            if (!NamePattern().IsMatch(table.Kind))
            {
                yield return $"the kind '{table.Kind}' is not 1 to 40 of a-z, 0-9, _ and -, beginning with a letter";
            }

            if (corpus.Partitions is not null && table.Partition is null)
            {
                yield return $"{table.Kind}: partitions are declared, so the table needs a partition column";
            }

            if (TextTemplate.Problem(table.Text) is { } problem)
            {
                yield return $"{table.Kind}: the text '{table.Text}' {problem}";
            }
        }
    }

    private static IEnumerable<string> Repeated(IEnumerable<string> names, Func<string, string> error) =>
        names.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => error(group.Key));

    [GeneratedRegex("^[a-z][a-z0-9_-]{0,39}$")]
    private static partial Regex NamePattern();
}
