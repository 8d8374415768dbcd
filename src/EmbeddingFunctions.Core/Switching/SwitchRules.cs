using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Switching;

/// <summary>
/// What a switch leaves as it is. Vectors within the rows keep their columns' names, and the queue, the text search and the copies of
/// vectors are the corpus's: a flip has no time to make them.
/// </summary>
internal static class SwitchRules
{
    /// <param name="live">The generation that is live, as the database was migrated for it.</param>
    /// <param name="next">The declaration at hand, as it would be live.</param>
    /// <exception cref="InvalidCorpusException">Something else was changed too.</exception>
    public static void Ensure(ResolvedCorpus live, ResolvedCorpus next)
    {
        var changed = (live.Corpus.Store != next.Corpus.Store ? ["store"]
            : live.Corpus.Store == Store.Table ? []
            : live.Tables.SelectMany(table => Changed(live, next, table.Kind))
                .Concat(live.Corpus.SimilarityCache != next.Corpus.SimilarityCache ? ["similarityCache"] : [])
                .Concat(next.Tables.Where(table => IsNew(live, table)).Select(table => $"queue or textSearch of {table.Kind}")))
            .ToList();
        if (changed.Count > 0)
        {
            throw new InvalidCorpusException(
                $"A switch of '{live.Corpus.DeclaredName}' changes its model, dimensions, text and chunks only: leave "
                    + $"{string.Join(", ", changed)} as it was until the switch is finished, then migrate.");
        }
    }

    private static IEnumerable<string> Changed(ResolvedCorpus live, ResolvedCorpus next, string kind)
    {
        if (next.Corpus.Tables.FirstOrDefault(table => table.Kind == kind) is not { } declared)
        {
            return [$"the kind {kind}"];
        }

        var (was, now) = (live.TableOf(kind), next.TableOf(kind));
        var table = live.Corpus.TableOf(kind);
        return new (string Name, object? Was, object? Now)[]
        {
            ("table", was.QuotedName, now.QuotedName), ("vector", table.Vector, declared.Vector),
            ("columns", table.Columns, declared.Columns),
            // A table of chunks may come or go.
            ("chunks.table", table.Chunks?.Table ?? declared.Chunks?.Table, declared.Chunks?.Table ?? table.Chunks?.Table),
            ("queue", table.Queue, declared.Queue), ("textSearch", Words(live, was), Words(next, now)),
            ("text, which its queue has,", QueuedText(was), QueuedText(now)),
        }.Where(one => !Equals(one.Was, one.Now)).Select(one => $"{one.Name} of {kind}");
    }

    private static bool IsNew(ResolvedCorpus live, ResolvedTable table) =>
        live.Tables.All(other => other.Kind != table.Kind) && (table.Queue != Corpora.QueuedText.None || table.TextSearch is not null);

    private static string? Words(ResolvedCorpus corpus, ResolvedTable table) =>
        TextSearchDdl.SearchColumn(corpus.KindsByTable.First(kinds => kinds.Contains(table)))?.Statement;

    private static string? QueuedText(ResolvedTable table) => table.Queue != Corpora.QueuedText.Content ? null
        : $"{table.DeclaredText} {string.Join(' ', table.Expressions.Select(expression => expression.Sql))}";
}
