using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Status;

/// <param name="NotMigrated">Declared corpora that the database was not migrated for.</param>
/// <param name="Spending">Of all corpora together.</param>
internal sealed record CorporaStatus(
    IReadOnlyList<CorpusStatus> Corpora, IReadOnlyList<string> NotMigrated, SpendingStatus Spending);

/// <summary>Dollars of this day and month of UTC, spent or reserved.</summary>
/// <param name="MaxPerDay">Null: no cap.</param>
/// <param name="MaxPerMonth">Null: no cap.</param>
/// <param name="IsCapReached">Whether a cap has stopped the last run of a corpus, and is still in force.</param>
internal sealed record SpendingStatus(decimal Today, decimal ThisMonth, decimal? MaxPerDay, decimal? MaxPerMonth, bool IsCapReached);

/// <summary>How far a corpus is embedded.</summary>
public sealed record CorpusStatus(
    string Corpus, string Model, int Dimensions, ProviderStatus Provider, CacheUse Cache, IReadOnlyList<KindCoverage> Kinds,
    IReadOnlyList<FailureReason> Failures, IReadOnlyList<RecordedRun> Runs)
{
    /// <summary>Since when a person has paused its runs; null: they go on.</summary>
    public DateTimeOffset? PausedAt { get; init; }

    /// <summary>How long edits waited for their vectors, and wait; null in a database that was not migrated for it.</summary>
    public Freshness? Freshness { get; init; }

    /// <summary>When the edit was that waits the longest; null: none waits of which that is known.</summary>
    public DateTimeOffset? OldestPending { get; init; }

    /// <summary>Null: none is set.</summary>
    public RedisStatus? Redis { get; init; }

    /// <summary>What was embedded of late, of those kinds of which anything was by runs of the last seven days.</summary>
    public IReadOnlyList<RecentVectors> Recent { get; init; } = [];

    /// <summary>The indexes for search by vectors.</summary>
    public IReadOnlyList<SearchIndex> Indexes { get; init; } = [];

    /// <summary>How well these find what exact searches find, as <c>embeddings recall</c> measured it last.</summary>
    public IReadOnlyList<MeasuredRecall> Recalls { get; init; } = [];

    /// <summary>Vectors of other programs that were taken over, the newest adoption first.</summary>
    public IReadOnlyList<RecordedAdoption> Adoptions { get; init; } = [];

    /// <summary>The switch to another generation of vectors that is under way, or null.</summary>
    public SwitchProgress? Switch { get; init; }

    /// <summary>Batches on the provider's batch lane, oldest first.</summary>
    public IReadOnlyList<BatchOnItsWay> Batches { get; init; } = [];

    /// <summary>
    /// What of that which was made for it is missing, and what this role may not do; the counts are of the rows that it sees.
    /// </summary>
    public IReadOnlyList<string> Findings { get; init; } = [];
}

/// <param name="LastHour">Vectors written within the last hour, be they paid for or from the cache.</param>
/// <param name="Latest">When the last one was.</param>
public sealed record RecentVectors(string Kind, long LastHour, DateTimeOffset Latest)
{
    /// <summary>How many items a request had on average; null: none was sent.</summary>
    public double? ItemsPerRequest { get; init; }
}

/// <param name="Total">Items of active partitions.</param>
/// <param name="Embedded">Of these, with a vector of their present text.</param>
/// <param name="Empty">Of these, with nothing to embed.</param>
/// <param name="Pending">Of these, to be embedded by the next run: the vector is missing or of an older text.</param>
/// <param name="Failed">Of these, waiting after a failure or given up after three tries; not among the pending.</param>
/// <param name="LeftToBackfill">Of the pending, those that the schedule leaves to a backfill: never embedded, and older than the
/// declaration says.</param>
/// <param name="Ignored">Failed once, and left alone at a person's request until the text changes; neither pending nor failed.</param>
/// <param name="Asked">Not pending by themselves, but requested through the queue: the next run takes them too.</param>
public sealed record KindCoverage(
    string Kind, string Table, long Total, long Embedded, long Empty, long Pending, long Failed, long LeftToBackfill = 0, long Ignored = 0,
    long Asked = 0)
{
    private const double Nearly = 99.99;

    /// <summary>Of the pending, those that failed with their present text: the next run tries them again.</summary>
    public long Retrying { get; init; }

    /// <summary>Percent of the items that have something to embed; 100 only if none is missing.</summary>
    public double Coverage => Embedded >= Total - Empty ? 100 : Math.Min(Nearly, Math.Round(100d * Embedded / (Total - Empty), 2));
}

/// <summary>Failed items of a kind with the same reason.</summary>
/// <param name="Kind">The items' kind.</param>
/// <param name="Reason">What the provider or the database said, without secrets.</param>
/// <param name="Items">How many there are.</param>
/// <param name="Dead">Of these, given up after three attempts, until their text changes.</param>
/// <param name="NextTry">When the first of the others is tried again.</param>
public sealed record FailureReason(string Kind, string Reason, long Items, long Dead, DateTimeOffset? NextTry);

/// <summary>What the cache of paid vectors did for a corpus's runs of the last seven days.</summary>
/// <param name="Hits">Items whose vector was in it.</param>
/// <param name="Misses">Items whose vector was asked for.</param>
/// <param name="DollarsSaved">By estimate; null for a model whose price is not known.</param>
public sealed record CacheUse(long Hits, long Misses, decimal? DollarsSaved);
