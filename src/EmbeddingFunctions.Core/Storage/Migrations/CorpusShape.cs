using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>All that a corpus's tables are given.</summary>
internal static class CorpusShape
{
    // Postgres cuts longer names, two of which could then be one.
    private const int MaxNameBytes = 63;

    /// <summary>A short name of all that a migration makes for a corpus: another one asks for a migration.</summary>
    public static string Id(BoundCorpus corpus) =>
        Hash(
            string.Join(
                '\n',
                [.. Migration.All.Select(migration => migration.Name), .. Parts(corpus).Select(part => part.Statement + part.Finish)]));

    /// <summary>In the order in which they are made.</summary>
    public static IReadOnlyList<Part> Parts(BoundCorpus corpus) => All(corpus).DistinctBy(part => part.Key).ToList();

    private static IEnumerable<Part> All(BoundCorpus corpus) =>
    [
        .. corpus.KindsByTable.SelectMany(kinds => Parts(corpus.Corpus, kinds)),
        .. corpus.Corpus.SimilarityCache ? SimilarityCacheShape.Parts(corpus) : [],
        .. corpus.Corpus.PendingView is { } view ? [PendingViewShape.Part(corpus, view)] : Array.Empty<Part>(),
        .. corpus.KindsByTable.SelectMany(Indexes),
    ];

    private static IEnumerable<Part> Parts(Corpus corpus, IReadOnlyList<BoundTable> kinds) =>
    [
        .. Columns(kinds[0]),
        .. TextSearchShape.Part(kinds) is { } search ? [search] : Array.Empty<Part>(),
        .. EditTriggerShape.Parts(corpus, kinds),
        .. kinds[0].Queue != QueuedText.None ? QueueShape.Parts(corpus, kinds[0]) : [],
        .. kinds.Where(kind => kind.Chunks is not null).Select(ChunkShape.Part),
    ];

    private static IEnumerable<Part> Columns(BoundTable table) =>
        table.Own.Of(table.Queue).Select(column => (column.Column, column.Type))
            .Prepend((table.VectorColumn, table.VectorColumnType.ToString()))
            .Select(column => new Part(
                PartKind.Column, table.Schema, table.Name, column.Item1, $"ADD COLUMN {Sql.Identifier(column.Item1)} {column.Item2}"));

    /// <summary>
    /// Pending items newest first, items in the order of a forced run, vectors of another model, vectors by cosine distance, words.
    /// </summary>
    private static IEnumerable<Part> Indexes(IReadOnlyList<BoundTable> kinds) =>
        kinds.SelectMany(Indexes).Concat(TextSearchShape.Index(kinds)).DistinctBy(index => index.Name);

    private static IEnumerable<Part> Indexes(BoundTable table)
    {
        var bare = table.WithRow("");
        var partition = table.HasPartition ? $"{bare.Partition}, " : "";
        var pending = $"({partition}{bare.Newest}) WHERE {bare.Pending}";
        var age = $"({partition}({bare.GeneratedAt}), {bare.Id})";
        yield return Index(table.Found, Name("embedding_pending", table.Found, pending), pending);
        yield return Index(table.Found, Name("embedding_age", table.Found, age), age);
        var others = $"({partition}{bare.Id}) WHERE {bare.IsToBeReplaced}";
        yield return Index(table.Found, Name("embedding_other_model", table.Found, others), others);
        var hnsw = $"USING hnsw ({table.VectorName} {table.CosineOperators}) WITH ({table.IndexParameters})";
        yield return Index(table.Found, Name("embedding_hnsw", table.Found, table.HasStandardIndex ? null : hnsw), hnsw);
        if (table.Chunks is not null)
        {
            var chunks = table.Found with { Name = table.Chunks.Table };
            yield return Index(
                chunks, Name("embedding_chunks", chunks),
                $"USING hnsw (\"embedding\" {table.CosineOperators}) WITH ({table.IndexParameters})");
        }
    }

    public static Part Index(FoundTable table, string name, string definition) =>
        new(PartKind.Index, table.Schema, table.Name, name, $"{Sql.Identifier(name)} ON {table.Quoted} {definition}");

    internal static string Name(string purpose, FoundTable table, string? definition = null)
    {
        var suffix = definition is null ? "" : "_" + Hash(definition);
        var name = $"{purpose}_{table.Name}{suffix}";
        return Encoding.UTF8.GetByteCount(name) <= MaxNameBytes ? name : $"{purpose}_{Hash(table.Name)}{suffix}";
    }

    /// <summary>A function as SQL writes it, in the schema of the table that it is made for.</summary>
    internal static string Function(string purpose, FoundTable table) =>
        $"{Sql.Identifier(table.Schema)}.{Sql.Identifier(Name(purpose, table))}";

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
}
