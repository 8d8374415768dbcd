namespace EmbeddingFunctions.Corpora;

/// <summary>One table of a corpus: each row is an item.</summary>
public sealed record CorpusTable
{
    internal const string DefaultVector = "embedding";

    /// <summary>What an item of this table is called, for example <c>issue</c>; with the id it identifies the item.</summary>
    public required string Kind { get; init; }

    /// <summary>The table's name, optionally with its schema.</summary>
    public required string Table { get; init; }

    /// <summary>The column that alone tells a row from all others: uuid, bigint, integer or text.</summary>
    public string Id { get; init; } = "id";

    /// <summary>
    /// The columns that together tell a row from all others, in place of <see cref="Id"/>; more than one only where vectors are kept in a
    /// table beside it.
    /// </summary>
    public IReadOnlyList<string> Key { get; init; } = [];

    /// <summary>
    /// The table beside this one that keeps the vectors, optionally with its schema; none: one in the schema <c>embedding</c>.
    /// </summary>
    public string? Companion { get; init; }

    /// <summary>The column that names the item's tenant; none: all items are of one partition.</summary>
    public string? Partition { get; init; }

    /// <summary>What is embedded: words and columns, for example <c>[ISSUE] {title} {body}</c>.</summary>
    public required string Text { get; init; }

    /// <summary>
    /// SQL expressions over the row's columns that the text may name like columns: <c>"summary": "left(body, 500)"</c>. They are immutable.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Expressions { get; init; }

    /// <summary>
    /// A view that a migration makes of the table and its vectors together, optionally with its schema; only where vectors are kept in a
    /// table beside the rows.
    /// </summary>
    public string? View { get; init; }

    /// <summary>The column that holds the row's vector; a migration makes it where it is missing.</summary>
    public string Vector { get; init; } = DefaultVector;

    /// <summary>What the other columns are called that a migration adds.</summary>
    public OwnColumns Columns { get; init; } = new();

    /// <summary>When the row last changed: newest go first, and a later change than the vector's makes the item pending.</summary>
    public string? ChangedAt { get; init; }

    /// <summary>
    /// When the row was made: newest go first where no <see cref="ChangedAt"/> is declared, and what <see cref="ScheduledRuns.NewerThan"/>
    /// is of.
    /// </summary>
    public string? CreatedAt { get; init; }

    /// <summary>Higher goes first.</summary>
    public int Priority { get; init; } = 1;

    /// <summary>Only rows with these values are items.</summary>
    public IReadOnlyList<ColumnFilter> Filter { get; init; } = [];

    /// <summary>How a text is treated that is longer than is embedded at once.</summary>
    public LongText LongText { get; init; }

    /// <summary>Needed where long texts are embedded in chunks.</summary>
    public Chunks? Chunks { get; init; }

    /// <summary>Whether items may be asked for through the table <c>embedding_queue</c>, and what is then embedded.</summary>
    public QueuedText Queue { get; init; }

    internal IReadOnlyList<string> KeyColumns => Key.Count > 0 ? Key : [Id];

    /// <summary>By what a backfill may be confined: names that people say, and the columns that they mean.</summary>
    public IReadOnlyDictionary<string, string> Where { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The language, as Postgres calls its configuration, of a full-text search over the text's columns; none: no such search.
    /// </summary>
    public string? TextSearch { get; init; }

    /// <summary>How its rows are searched; none: by their vectors only.</summary>
    public TableSearch? Search { get; init; }
}
