namespace EmbeddingFunctions.Adoption;

/// <summary>Why an item keeps its place among the pending, or needs no vector.</summary>
internal enum LeftOutReason
{
    Current,
    EditedSince,
    Held,
    OutsideFilter,
    InactivePartition,
    EmptyText,
    TextTooLong,
    NoVector,
    SeveralVectors,
    OtherChunks,
    WrongWidth,
    NotFinite,
    ZeroVector,
    WrittenSince,
    Refused,
}

/// <param name="Items">How many.</param>
/// <param name="Ids">Of a few of them, where they are worth a look.</param>
internal sealed record LeftOutItems(LeftOutReason Reason, long Items, IReadOnlyList<string> Ids)
{
    /// <summary>Whether there was a vector, and it could not be taken.</summary>
    public bool IsFault => Reason is not LeftOutReason.WrittenSince and >= LeftOutReason.SeveralVectors;

    /// <summary>The reason as a person reads it after a number of items.</summary>
    public string Words => Reason switch
    {
        LeftOutReason.Current => "have a current vector, or need none",
        LeftOutReason.EditedSince => "were edited since their vector was made: backfill embeds them",
        LeftOutReason.Held => "are held by a run, or wait after a failure",
        LeftOutReason.OutsideFilter => "do not meet the corpus's filter",
        LeftOutReason.InactivePartition => "are of partitions that are not active",
        LeftOutReason.EmptyText => "have no text",
        LeftOutReason.TextTooLong => "have a text that is too long",
        LeftOutReason.NoVector => "have no vector in the source",
        LeftOutReason.SeveralVectors => "have several vectors in the source, as of chunks, where the corpus has one for each item",
        LeftOutReason.OtherChunks => "are cut into other chunks by the corpus than by the source",
        LeftOutReason.WrongWidth => "have a vector of another width",
        LeftOutReason.NotFinite => "have a vector with NaN or infinity in it",
        LeftOutReason.ZeroVector => "have a vector of zeros",
        LeftOutReason.WrittenSince => "were written since the adoption began, so their vector may be of an earlier text",
        _ => "were refused or are locked by others: a trigger, a constraint or another session keeps them from being written",
    };
}

/// <summary>Counts what is left out, by reason; for several threads.</summary>
internal sealed class LeftOutTally
{
    private const int MostIds = 10;

    // Ordinary reasons, which may hold of millions: nothing is wrong with any one of these items.
    private static readonly LeftOutReason[] _ordinary =
        [LeftOutReason.EmptyText, LeftOutReason.NoVector, LeftOutReason.WrittenSince];

    private readonly Lock _lock = new();
    private readonly SortedDictionary<LeftOutReason, (long Items, List<string> Ids)> _items = [];

    public IReadOnlyList<LeftOutItems> Items
    {
        get
        {
            lock (_lock)
            {
                return _items.Where(found => found.Value.Items > 0)
                    .Select(found => new LeftOutItems(found.Key, found.Value.Items, found.Value.Ids.ToList())).ToList();
            }
        }
    }

    public void Add(LeftOutReason reason, string id) => Add(reason, 1, _ordinary.Contains(reason) ? null : id);

    public void Add(LeftOutReason reason, long items) => Add(reason, items, id: null);

    private void Add(LeftOutReason reason, long items, string? id)
    {
        lock (_lock)
        {
            var (counted, ids) = _items.GetValueOrDefault(reason, (0, []));
            if (id is not null && ids.Count < MostIds)
            {
                ids.Add(id);
            }

            _items[reason] = (counted + items, ids);
        }
    }
}
