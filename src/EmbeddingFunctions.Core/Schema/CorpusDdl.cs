using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>All that a corpus's tables are given.</summary>
internal static class CorpusDdl
{
    /// <summary>In the order in which they are made.</summary>
    public static IReadOnlyList<SchemaObject> Objects(ResolvedCorpus corpus) => All(corpus).DistinctBy(wanted => wanted.Key).ToList();

    private static IEnumerable<SchemaObject> All(ResolvedCorpus corpus) => OfGeneration(corpus).Concat(OfLive(corpus));

    /// <summary>What each generation has: the same in number and order, whatever their names are.</summary>
    public static IEnumerable<SchemaObject> OfGeneration(ResolvedCorpus corpus) =>
    [
        .. corpus.KindsByTable.SelectMany(kinds => Objects(corpus.Corpus, kinds)),
        .. corpus.KindsByTable.SelectMany(Indexes),
    ];

    /// <summary>What only the live generation has, which a flip hands over.</summary>
    public static IEnumerable<SchemaObject> OfLive(ResolvedCorpus corpus) =>
    [
        .. corpus.KindsByTable.Where(kinds => !kinds[0].IsBeside).SelectMany(kinds => OfLive(corpus.Corpus, kinds)),
        .. corpus.Tables.SelectMany(table => WordsDdl.Objects(corpus.Corpus, table)),
        .. corpus.Corpus.SimilarityCache ? SimilarityCacheDdl.Objects(corpus) : [],
        .. corpus.Corpus.JobsView is { } jobs ? [JobsView(corpus, jobs)] : Array.Empty<SchemaObject>(),
        .. corpus.Corpus.PendingView is { } view ? [PendingViewDdl.View(corpus, view)] : Array.Empty<SchemaObject>(),
        .. ViewsOf(corpus),
        .. corpus.Corpus.Generation is { IsLive: false } ? [] : new[] { SearchedCorpusDdl.Function(corpus) },
    ];

    /// <summary>The views that read this generation: those of the live one.</summary>
    public static IEnumerable<SchemaObject> ViewsOf(ResolvedCorpus corpus) => corpus.Corpus.Generation is { IsLive: false } ? [] :
    [
        .. corpus.Tables.Where(table => table.IsBeside).Select(table => CompanionDdl.LiveView(corpus.Corpus, table)),
        .. corpus.Tables.Where(table => table.IsBeside && table.Chunks is not null).Select(
            table => ChunkTableDdl.LiveView(corpus.Corpus, table)),
        .. corpus.Tables.Where(table => table.View is not null).Select(table => JoinedViewDdl.View(table, table.View!)),
    ];

    private static IEnumerable<SchemaObject> Objects(Corpus corpus, IReadOnlyList<ResolvedTable> kinds) =>
    [
        .. kinds.SelectMany(ExpressionDdl.Functions),
        .. kinds[0].IsBeside ? kinds.SelectMany(kind => Beside(corpus, kind)) : Within(corpus, kinds),
        .. kinds.Where(kind => kind.Chunks is not null).Select(ChunkTableDdl.Table),
    ];

    /// <summary>The companion of a table, with the triggers that keep it up to date.</summary>
    public static IEnumerable<SchemaObject> Beside(Corpus corpus, ResolvedTable table) =>
    [
        CompanionDdl.SeesRow(corpus, table), CompanionDdl.Table(corpus, table),
        .. table.Follower is { } follower
            ? [
                ChangesDdl.Table(follower), ChangesDdl.IsChanged(follower), ChangesDdl.Settle(follower),
                .. FollowingTriggers.Objects(
                    corpus.Name, follower, "embedding", corpus.Trigger ? $"{NotifyTriggerDdl.Notify(corpus)};" : "")]
            : Array.Empty<SchemaObject>(),
    ];

    private static IEnumerable<SchemaObject> Within(Corpus corpus, IReadOnlyList<ResolvedTable> kinds) =>
    [
        .. kinds[0].Own.Always.Select(column => (column.Column, column.Type))
            .Prepend((kinds[0].VectorColumn, kinds[0].VectorColumnType.ToString())).Select(column => Column(kinds[0], column)),
        StateCheckDdl.Check(kinds[0]),
        .. EditTriggerDdl.Objects(corpus, kinds),
    ];

    private static IEnumerable<SchemaObject> OfLive(Corpus corpus, IReadOnlyList<ResolvedTable> kinds) =>
    [
        .. kinds[0].Own.Of(kinds[0].Queue).Except(kinds[0].Own.Always).Select(column => Column(kinds[0], (column.Column, column.Type))),
        .. TextSearchDdl.SearchColumn(kinds) is { } search ? [search] : Array.Empty<SchemaObject>(),
        .. kinds[0].Queue != QueuedText.None ? QueueDdl.Objects(corpus, kinds[0]) : [],
        .. TextSearchDdl.Index(kinds),
    ];

    private static SchemaObject JobsView(ResolvedCorpus corpus, string view)
    {
        var (schema, name) = corpus.Schemas.Of(view);
        return new(
            ObjectKind.View, schema, "", name,
            $"CREATE OR REPLACE VIEW {Sql.Identifier(schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS "
                + "SELECT * FROM embedding.jobs");
    }

    private static SchemaObject Column(ResolvedTable table, (string Name, string Type) column) => new(
        ObjectKind.Column, table.Schema, table.Name, column.Name, $"ADD COLUMN {Sql.Identifier(column.Name)} {column.Type}");

    /// <summary>
    /// Pending items newest first, items in the order of a forced run, vectors of another model, vectors by cosine distance.
    /// </summary>
    private static IEnumerable<SchemaObject> Indexes(IReadOnlyList<ResolvedTable> kinds) =>
        kinds.SelectMany(Indexes).DistinctBy(index => index.Name);

    private static IEnumerable<SchemaObject> Indexes(ResolvedTable table)
    {
        var bare = table.WithRow("");
        var partition = table.HasPartition ? $"{bare.Partition}, " : "";
        if (table.Follower is { } follower)
        {
            yield return ChangesDdl.Index(follower);
        }

        var pending = $"({partition}{bare.Newest}) WHERE {bare.Pending}";
        var age = $"({partition}({bare.GeneratedAt}), {bare.Id})";
        yield return Index(table.Holder, ObjectNames.Name("embedding_pending", table.Holder, pending), pending);
        yield return Index(table.Holder, ObjectNames.Name("embedding_age", table.Holder, age), age);
        var others = $"({partition}{bare.Id}) WHERE {bare.IsToBeReplaced}";
        yield return Index(table.Holder, ObjectNames.Name("embedding_other_model", table.Holder, others), others);
        var hnsw = $"USING hnsw ({table.VectorName} {table.CosineOperators}) WITH ({table.IndexParameters})";
        yield return Index(table.Holder, ObjectNames.Name("embedding_hnsw", table.Holder, table.HasDefaultIndex ? null : hnsw), hnsw) with
        {
            GraphBytes = table.GraphBytes,
        };
        if (table.Chunks is not null)
        {
            var chunks = table.Found with { Name = table.Chunks.Table };
            yield return Index(
                chunks, ObjectNames.Name("embedding_chunks", chunks),
                $"USING hnsw (\"embedding\" {table.CosineOperators}) WITH ({table.IndexParameters})") with
            {
                GraphBytes = table.GraphBytes,
            };
        }
    }

    public static SchemaObject Index(CatalogueTable table, string name, string definition) =>
        new(ObjectKind.Index, table.Schema, table.Name, name, $"{Sql.Identifier(name)} ON {table.Quoted} {definition}");
}
