using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Search;

/// <summary>What a request must be like before the database is asked.</summary>
internal static class RequestRules
{
    public const int MostCharacters = 10_000;

    private const int MostFilters = 20;
    private const int MostValues = 1_000;

    /// <exception cref="InvalidSearchException">It is not.</exception>
    public static void Check(SearchRequest request)
    {
        var asked = (request.Query is null ? 0 : 1) + (request.Vector is null ? 0 : 1) + (request.Item is null ? 0 : 1);
        Ensure(asked > 0, "query", "The search asks for nothing: it takes a query, a vector or an item.");
        Ensure(
            request.Item is null || asked == 1, "item", "An item is searched for by itself: leave the query and the vector out.");
        Ensure(
            request.Query is null || request.Query.Length <= MostCharacters, "query",
            $"The query has {request.Query?.Length:N0} characters; it takes {MostCharacters:N0} at most.");
        Ensure(request.Mode != SearchMode.Text || request.Query is not null, "mode", "A search by words takes a query.");
        Ensure(Enum.IsDefined(request.Mode), "mode", "It takes hybrid, vector or text.");
        Ensure(request.Limit is >= 1 and <= 100, "limit", $"limit is {request.Limit}; it takes 1 to 100.");
        Ensure(
            request.MinSimilarity is null or (>= 0 and <= 1), "minSimilarity",
            $"minSimilarity is {request.MinSimilarity}; it takes 0 to 1.");
        Ensure(request.MinSimilarity is null || request.Mode != SearchMode.Text, "minSimilarity", "A search by words has no similarity.");
        Ensure(request.Diversity is >= 0 and <= 1, "diversity", $"diversity is {request.Diversity}; it takes 0 to 1.");
        Ensure(
            request.Diversity == 0 || request.Mode != SearchMode.Text, "diversity", "A search by words has no similarity to tell by.");
        var fusion = request.Fusion;
        Ensure(fusion.K is >= 1 and <= 1_000, "fusion.k", $"k is {fusion.K}; it takes 1 to 1,000.");
        Ensure(
            fusion.VectorWeight is >= 0 and <= 100 && fusion.TextWeight is >= 0 and <= 100, "fusion", "A weight takes 0 to 100.");
        Ensure(
            request.Vector is null || request.Vector.All(float.IsFinite), "vector", "The vector holds what is no number.");
        Ensure(request.Item is null || (IsStorable(request.Item.Id) && IsStorable(request.Item.Kind)), "item", "There is no such id.");
    }

    /// <summary>Finds the kinds, columns and values that a request has and the corpus does not know.</summary>
    /// <exception cref="InvalidSearchException">There are such.</exception>
    /// <exception cref="NotFoundException">A kind is none of the corpus.</exception>
    public static void Check(
        ResolvedCorpus corpus, IReadOnlyList<string> kinds, string? partition, IReadOnlyList<SearchFilter> where,
        IReadOnlyList<string>? columns)
    {
        foreach (var kind in kinds)
        {
            corpus.Declared.TableOf(kind);
        }

        var searched = corpus.Tables.Where(table => kinds.Count == 0 || kinds.Contains(table.Kind)).ToList();
        var known = searched.SelectMany(table => table.FilterableColumns.Keys).Distinct().ToList();
        Ensure(
            partition is null || (corpus.Tables.Any(table => table.HasPartition) && IsStorable(partition)), "partition",
            $"'{corpus.Corpus.DeclaredName}' has no partitions, or none of that name.");
        Ensure(where.Count <= MostFilters, "where", $"where has {where.Count} filters; it takes {MostFilters} at most.");
        for (var i = 0; i < where.Count; i++)
        {
            EnsureKnown(known, where[i].Column, $"where[{i}]", corpus);
            Check(where[i], $"where[{i}]");
        }

        foreach (var column in columns ?? [])
        {
            EnsureKnown(known, column, "columns", corpus);
        }
    }

    public static bool IsStorable(string text) => NormalizedText.IsStorable(text);

    private static void Check(SearchFilter filter, string field)
    {
        var values = new[]
        {
            filter.EqualTo, filter.NotEqualTo, filter.LessThan, filter.AtMost, filter.GreaterThan, filter.AtLeast,
        }.OfType<JsonElement>().ToList();
        Ensure(
            values.Count > 0 || filter.In is not null, field,
            $"The filter on '{filter.Column}' has no condition: it takes =, !=, <, <=, >, >= or in.");
        Ensure(
            filter.In is null || filter.In.Count <= MostValues, field,
            $"in has {filter.In?.Count} values; it takes {MostValues:N0} at most.");
        foreach (var value in values.Concat(filter.In ?? []))
        {
            Ensure(
                value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False
                    || (value.ValueKind == JsonValueKind.Null && values.Contains(value)),
                field, $"The filter on '{filter.Column}' takes text, numbers, true or false.");
        }
    }

    private static void EnsureKnown(List<string> known, string column, string field, ResolvedCorpus corpus) => Ensure(
        known.Contains(column), field,
        $"'{corpus.Corpus.DeclaredName}' lets no column '{column}' be asked for{NearestName.Hint(column, known)} It has: "
            + $"{string.Join(", ", known)}. Others are declared in 'search': {{ \"columns\": [ … ] }}.");

    private static void Ensure(bool isRight, string field, string message)
    {
        if (!isRight)
        {
            throw new InvalidSearchException(field, message);
        }
    }
}
