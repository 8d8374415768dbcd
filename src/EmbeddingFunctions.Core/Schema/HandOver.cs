using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// By which statements one generation takes another's place: the names of what each has for itself, and what only the live one has. Beside
/// the rows the former keeps its names.
/// </summary>
/// <param name="Live">The generation that was live, by its names of before.</param>
/// <param name="Retired">The same, by its names afterwards.</param>
/// <param name="Next">The generation that becomes live, by its names of before.</param>
/// <param name="Flipped">The same, by its names afterwards.</param>
internal sealed record HandOver(ResolvedCorpus Live, ResolvedCorpus Retired, ResolvedCorpus Next, ResolvedCorpus Flipped)
{
    private readonly List<Renamed> _renamed = [.. Renames(Live, Retired), .. Renames(Next, Flipped)];

    // A search by words that was not declared before begins with the next migration, which reads them.
    private readonly List<SchemaObject> _live = CorpusDdl.OfLive(Flipped).Where(one => !one.IsShared).DistinctBy(one => one.Key)
        .ExceptBy(Unread(Live, Flipped), one => one.Key).ToList();

    public bool IsWithin => Live.Corpus.Store == Store.Column;

    /// <summary>The tables that are locked while their columns get other names, as SQL writes them.</summary>
    public IEnumerable<string> Tables =>
        Live.Tables.Concat(Next.Tables).SelectMany(table => new[] { table.QuotedName, table.ChunkTable?.ToString() })
            .Append(Empties ? SimilarityCacheDdl.Table(Live).ToString() : null).OfType<string>().Distinct();

    private bool Empties => Live.Corpus.SimilarityCache && Flipped.Corpus.SimilarityCache;

    /// <summary>What only the live generation has, of which the former has nothing of the name.</summary>
    public IEnumerable<SchemaObject> Added(IReadOnlyDictionary<ObjectKey, (string? Live, ObjectRecord Record)> recorded) =>
        _live.Where(one => !recorded.ContainsKey(one.Key));

    /// <param name="recorded">What is recorded of both generations.</param>
    public IEnumerable<string> Statements(IReadOnlyDictionary<ObjectKey, (string? Live, ObjectRecord Record)> recorded)
    {
        bool IsThere(ObjectKey key) => recorded.TryGetValue(key, out var found) && found.Live is not null;
        bool IsMade(ObjectKey key) => !recorded.TryGetValue(key, out var found) || found.Record.IsMade;
        var made = _renamed.Where(renamed => renamed.From.Key.Rename(renamed.To.Key) is null).ToList();
        var again = made.Select(renamed => renamed.To).OrderBy(one => one.Kind).Concat(_live.Where(one =>
            one.Kind is ObjectKind.View or ObjectKind.Function or ObjectKind.Trigger
            && !(IsThere(one.Key) && recorded[one.Key].Record.Fingerprint == one.Fingerprint)));
        return
        [
            .. made.OrderByDescending(renamed => renamed.From.Kind).Select(renamed => renamed.From.Key.Removal),
            .. _renamed.Where(renamed => IsThere(renamed.From.Key)).Select(renamed => renamed.From.Key.Rename(renamed.To.Key))
                .OfType<string>(),
            .. Empties ? SimilarityCacheDdl.Empty(Live, Flipped) : [],
            .. again.Select(one => one.Statement),
            .. Live.Tables.Any(table => table.Queue != QueuedText.None)
                ? [$"UPDATE {QueueTable.Targets} SET corpus = {Name(Flipped)} WHERE corpus = {Name(Live)}"] : Array.Empty<string>(),
            .. IsWithin ? [Revoke] : Array.Empty<string>(),
            Inventory.Forget(_renamed.SelectMany(renamed => new[] { renamed.From.Key, renamed.To.Key })
                .Concat(_live.Select(one => one.Key)).Distinct()),
            .. Inventory.Record([
                .. _renamed.Where(renamed => renamed.From.GraphBytes is null || IsThere(renamed.From.Key))
                    .Select(renamed => (renamed.To, renamed.Corpus, IsMade(renamed.To.Key))),
                .. _live.Select(one => (one, Flipped.Corpus.Name, IsMade(one.Key)))]),
        ];
    }

    /// <summary>Fills what was emptied, by pages that may be repeated.</summary>
    public IEnumerable<MigrationStep> Steps() =>
    [
        .. Empties ? Flipped.Tables.Select(table => MigrationStep.Pages(table, SimilarityCacheDdl.Fill(Flipped, table))) : [],
        .. Flipped.Tables.Where(IsReadAnotherWay).SelectMany(WordsDdl.Fill),
    ];

    private bool IsReadAnotherWay(ResolvedTable table)
    {
        var before = Words(Live, table.Kind).ToDictionary(one => one.Key, one => one.Fingerprint);
        return before.Count > 0 && Words(Flipped, table.Kind).Any(
            one => one.Kind == ObjectKind.Function && before.GetValueOrDefault(one.Key) != one.Fingerprint);
    }

    private static IEnumerable<ObjectKey> Unread(ResolvedCorpus live, ResolvedCorpus flipped) => flipped.Tables
        .Where(table => !Words(live, table.Kind).Any()).SelectMany(table => Words(flipped, table.Kind)).Select(one => one.Key);

    private static IEnumerable<SchemaObject> Words(ResolvedCorpus corpus, string kind) =>
        corpus.Tables.Where(table => table.Kind == kind).SelectMany(table => WordsDdl.Objects(corpus.Corpus, table));

    // A batch that read its rows by the names of before writes none of them: the token of its claim is gone. Its vectors are in the cache.
    private string Revoke =>
        $"""
        DELETE FROM embedding.claims
        WHERE  corpus IN ({Name(Live)}, {Name(Next)}) AND token IS NOT NULL AND attempts <= 1 AND reason IS NULL;
        UPDATE embedding.claims SET token = NULL, leased_until = NULL, attempts = attempts - 1
        WHERE  corpus IN ({Name(Live)}, {Name(Next)}) AND token IS NOT NULL
        """;

    private static SqlText Name(ResolvedCorpus corpus) => Sql.Literal(corpus.Corpus.Name);

    private static IEnumerable<Renamed> Renames(ResolvedCorpus from, ResolvedCorpus to) =>
        CorpusDdl.OfGeneration(from).Zip(CorpusDdl.OfGeneration(to), (one, other) => new Renamed(one, other, from.Corpus.Name))
            .Where(renamed => renamed.From.Key != renamed.To.Key).DistinctBy(renamed => renamed.From.Key);

    private sealed record Renamed(SchemaObject From, SchemaObject To, string Corpus);
}
