namespace EmbeddingFunctions.Corpora;

/// <summary>A set of tables embedded under one rule, as declared in the corpora file.</summary>
public sealed record Corpus
{
    /// <summary>1 to 40 of a-z, 0-9, _ and -, beginning with a letter.</summary>
    public required string Name { get; init; }

    /// <summary>At least one.</summary>
    public required IReadOnlyList<CorpusTable> Tables { get; init; }

    /// <summary>The partitions that may embed; items of any other never get a vector. None: all items may.</summary>
    public ActivePartitions? Partitions { get; init; }

    /// <summary>The provider's model; none: the setting <c>EMBEDDING_MODEL</c>.</summary>
    public string? Model { get; init; }

    /// <summary>Length of a vector: 1 to 2,000 for <c>vector</c>, to 4,000 for <c>halfvec</c> (what pgvector's HNSW can index).</summary>
    public required int Dimensions { get; init; }

    /// <summary>The type of the column that holds a vector.</summary>
    public VectorType VectorType { get; init; } = VectorType.Vector;

    /// <summary>Where vectors and their state are kept: beside the rows unless declared.</summary>
    public Store Store { get; init; } = Store.Table;

    /// <summary>Items planned at a time; more where batches are larger by themselves.</summary>
    public int PageSize { get; init; } = 200;

    /// <summary>Items in a batch; none: as many as the provider answers fastest, and as fit into a request.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Batches of one partition in flight at once, of all processes; none: only the process limits them.</summary>
    public int? LanesPerPartition { get; init; }

    /// <summary>Runs that may start in a minute: n at once, then one every 60/n seconds.</summary>
    public int StartsPerMinute { get; init; } = 5;

    /// <summary>When a host starts a run by itself: an NCrontab expression with seconds.</summary>
    public string Schedule { get; init; } = "0 */15 * * * *";

    /// <summary>What a run that a host starts by itself takes; none: all that is pending.</summary>
    public ScheduledRuns? Scheduled { get; init; }

    /// <summary>Whether triggers on its tables wake a running host, so that an edit is embedded at once.</summary>
    public bool Trigger { get; init; }

    /// <summary>
    /// How long an edit may wait for its vector, for example <c>5 minutes</c>: <c>status</c> and <c>health</c> say when it is longer. None:
    /// as long as it takes.
    /// </summary>
    public string? Freshness { get; init; }

    /// <summary>How the index for search is built.</summary>
    public VectorIndex Index { get; init; } = new();

    /// <summary>Where texts are cut, their length in UTF-16 units; never inside a character.</summary>
    public int MaxCharacters { get; init; } = 2_000;

    /// <summary>Whether every vector is also kept in <c>similarity_cache</c>, by the same write.</summary>
    public bool SimilarityCache { get; init; }

    /// <summary>A view of all runs under a name that an older system's dashboards read, optionally with its schema.</summary>
    public string? JobsView { get; init; }

    /// <summary>A view of the pending items for people and dashboards.</summary>
    public PendingView? PendingView { get; init; }

    /// <summary>Which of its sets of vectors this is; null: it has one.</summary>
    internal Generation? Generation { get; init; }

    internal TimeSpan? MaxLag => Freshness is null ? null : ScheduledRuns.TimeOf(Freshness);

    internal string DeclaredName => Generation?.Corpus ?? Name;

    /// <returns>The table of a kind; a table that holds one kind is known by its own name too.</returns>
    internal CorpusTable TableOf(string kind) =>
        Tables.FirstOrDefault(table => table.Kind == kind)
        ?? (Tables.Where(table => table.Table == kind).ToList() is [var named] ? named : null)
        ?? throw new NotFoundException(
            $"Corpus '{Name}' has no kind '{kind}'{Hint(kind)} It has: {string.Join(", ", Tables.Select(t => t.Kind))}.");

    private string Hint(string kind) =>
        NearestName.Of(kind, Tables.Select(table => table.Kind)) is { } near ? $": do you mean '{near}'?" : ".";
}

/// <summary>Where the vectors of a corpus are kept.</summary>
public enum Store
{
    /// <summary>In columns that a migration adds to the rows' own table.</summary>
    Column,

    /// <summary>In a table beside it, whose rows have its keys; the rows' own table gets triggers only.</summary>
    Table,
}

/// <summary>pgvector's types of columns.</summary>
public enum VectorType
{
    /// <summary><c>vector</c>: 4 bytes a dimension.</summary>
    Vector,

    /// <summary><c>halfvec</c>: 2 bytes a dimension.</summary>
    HalfVec,
}
