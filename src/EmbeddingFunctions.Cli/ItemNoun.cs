using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Cli;

/// <summary>What people call the items of a run: by their kind, if they are of one.</summary>
internal sealed record ItemNoun(string One, string Many)
{
    public static ItemNoun Any { get; } = new("item", "items");

    public static ItemNoun Of(Corpus corpus, IReadOnlyList<string> kinds)
    {
        var inScope = kinds.Count > 0 ? kinds : corpus.Tables.Select(table => table.Kind).ToList();
        return inScope.Distinct().ToList() is [var kind] ? new(kind, Plural(kind)) : Any;
    }

    public string Count(long number) => $"{number:N0} {(number == 1 ? One : Many)}";

    private static string Plural(string kind) =>
        kind is [.., not ('a' or 'e' or 'i' or 'o' or 'u'), 'y'] ? $"{kind[..^1]}ies" : $"{kind}s";
}
