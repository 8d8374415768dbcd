using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>All that a corpus's tables are given.</summary>
internal static class CorpusDdl
{
    /// <summary>In the order in which they are made.</summary>
    public static IReadOnlyList<Part> Parts(ResolvedCorpus corpus) => All(corpus).DistinctBy(part => part.Key).ToList();

    private static IEnumerable<Part> All(ResolvedCorpus corpus) =>
    [
        .. corpus.KindsByTable.SelectMany(kinds => Parts(corpus.Corpus, kinds)),
        .. corpus.Corpus.SimilarityCache ? SimilarityCacheDdl.Parts(corpus) : [],
        .. corpus.Corpus.JobsView is { } jobs ? [JobsView(corpus, jobs)] : Array.Empty<Part>(),
        .. corpus.Corpus.PendingView is { } view ? [PendingViewDdl.Part(corpus, view)] : Array.Empty<Part>(),
        .. corpus.KindsByTable.SelectMany(Indexes),
    ];

    private static IEnumerable<Part> Parts(Corpus corpus, IReadOnlyList<ResolvedTable> kinds) =>
    [
        .. kinds[0].IsBeside ? kinds.SelectMany(kind => Beside(corpus, kind)) : Within(corpus, kinds),
        .. kinds.Where(kind => kind.Chunks is not null).Select(ChunkTableDdl.Part),
    ];

    /// <summary>The companion of a table, with the triggers that keep it up to date.</summary>
    public static IEnumerable<Part> Beside(Corpus corpus, ResolvedTable table) =>
        [CompanionDdl.Part(table), .. table.HasTriggers ? CompanionTriggers.Parts(corpus, table) : []];

    private static IEnumerable<Part> Within(Corpus corpus, IReadOnlyList<ResolvedTable> kinds) =>
    [
        .. Columns(kinds[0]),
        StateCheckDdl.Part(kinds[0]),
        .. TextSearchDdl.Part(kinds) is { } search ? [search] : Array.Empty<Part>(),
        .. EditTriggerDdl.Parts(corpus, kinds),
        .. kinds[0].Queue != QueuedText.None ? QueueDdl.Parts(corpus, kinds[0]) : [],
    ];

    private static Part JobsView(ResolvedCorpus corpus, string view)
    {
        var (schema, name) = corpus.Schemas.Of(view);
        return new(
            ObjectKind.View, schema, "", name,
            $"CREATE OR REPLACE VIEW {Sql.Identifier(schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS "
                + "SELECT * FROM embedding.jobs");
    }

    private static IEnumerable<Part> Columns(ResolvedTable table) =>
        table.Own.Of(table.Queue).Select(column => (column.Column, column.Type))
            .Prepend((table.VectorColumn, table.VectorColumnType.ToString()))
            .Select(column => new Part(
                ObjectKind.Column, table.Schema, table.Name, column.Item1, $"ADD COLUMN {Sql.Identifier(column.Item1)} {column.Item2}"));

    /// <summary>
    /// Pending items newest first, items in the order of a forced run, vectors of another model, vectors by cosine distance, words.
    /// </summary>
    private static IEnumerable<Part> Indexes(IReadOnlyList<ResolvedTable> kinds) =>
        kinds.SelectMany(Indexes).Concat(TextSearchDdl.Index(kinds)).DistinctBy(index => index.Name);

    private static IEnumerable<Part> Indexes(ResolvedTable table)
    {
        var bare = table.WithRow("");
        var partition = table.HasPartition ? $"{bare.Partition}, " : "";
        var pending = $"({partition}{bare.Newest}) WHERE {bare.Pending}";
        var age = $"({partition}({bare.GeneratedAt}), {bare.Id})";
        yield return Index(table.Holder, ObjectNames.Name("embedding_pending", table.Holder, pending), pending);
        yield return Index(table.Holder, ObjectNames.Name("embedding_age", table.Holder, age), age);
        var others = $"({partition}{bare.Id}) WHERE {bare.IsToBeReplaced}";
        yield return Index(table.Holder, ObjectNames.Name("embedding_other_model", table.Holder, others), others);
        var hnsw = $"USING hnsw ({table.VectorName} {table.CosineOperators}) WITH ({table.IndexParameters})";
        yield return Index(table.Holder, ObjectNames.Name("embedding_hnsw", table.Holder, table.HasDefaultIndex ? null : hnsw), hnsw);
        if (table.Chunks is not null)
        {
            var chunks = table.Found with { Name = table.Chunks.Table };
            yield return Index(
                chunks, ObjectNames.Name("embedding_chunks", chunks),
                $"USING hnsw (\"embedding\" {table.CosineOperators}) WITH ({table.IndexParameters})");
        }
    }

    public static Part Index(CatalogueTable table, string name, string definition) =>
        new(ObjectKind.Index, table.Schema, table.Name, name, $"{Sql.Identifier(name)} ON {table.Quoted} {definition}");
}
