using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// A declared table with the pieces of SQL that speak of it; its rows go by the alias <c>t</c>, unless asked for otherwise.
/// </summary>
internal sealed partial class ResolvedTable(
    Corpus corpus, CorpusTable table, CatalogueTable found, string model, DatabaseSchemas schemas, ITextWindow? window = null,
    string row = ResolvedTable.DefaultRow)
{
    private const string DefaultRow = "t.";

    /// <summary>The same table, its row under another name: <c>"NEW."</c> in a trigger, nothing in an index.</summary>
    public ResolvedTable WithRow(string name) => new(corpus, table, found, model, schemas, window, name);

    public string Kind => table.Kind;

    public int Priority => table.Priority;

    /// <summary>The table with its schema, quoted, as a value too.</summary>
    public string QuotedName => found.Quoted.ToString();

    public SqlText Table => found.Quoted;

    public string Schema => found.Schema;

    public string Name => found.Name;

    public CatalogueTable Found => found;

    /// <summary>Whether vectors are kept in a table beside this one.</summary>
    public bool IsBeside => corpus.Store == Store.Table;

    /// <summary>Whether triggers note its changes; a view's or a foreign table's are looked for.</summary>
    public bool HasTriggers => found.IsTable;

    /// <summary>The table that holds the vectors and their state: this one, or its companion.</summary>
    public CatalogueTable Holder => field ??= IsBeside ? CompanionTable.Of(corpus, table, found) : found;

    /// <summary>The same as SQL writes it, for statements that write, lock, or need no column of the rows' own.</summary>
    public SqlText Target => Holder.Quoted;

    /// <summary>
    /// What follows the rows beside them, see <see cref="SourceChanges"/>; null: their vectors are in the rows, or no trigger can be made.
    /// </summary>
    public RowFollower? Follower => field ??= IsBeside && HasTriggers ? RowFollower.OfVectors(corpus, this) : null;

    public string IsChangedFunction => ObjectNames.Function($"is_changed_{corpus.Name}", Holder with { Name = Kind });

    /// <summary>Whether the row was written since its companion was brought up to date; false where there is none.</summary>
    public SqlText IsChanged => Follower is null ? Sql.Of($"false") : Sql.Of(
        $"{Sql.Raw(IsChangedFunction)}(ARRAY[{Sql.Join(", ", KeyColumns.Select(key => Sql.Of($"{Column(key)}::text")))}])");

    /// <summary>Leaves out rows that were written since, after other conditions.</summary>
    public SqlText AndIsSettled => Sql.When(Follower is not null, $" AND NOT {IsChanged}");

    /// <summary>The rows with their vectors and state, for statements that only read.</summary>
    public SqlText Items => field ??= IsBeside ? CompanionTable.Items(this, corpus, table) : found.Quoted;

    public IReadOnlyList<string> KeyColumns => table.KeyColumns;

    /// <summary>The columns of the rows that a companion has too.</summary>
    public IEnumerable<string> Copied => StoreRules.Copied(table);

    /// <summary>What is embedded, of the row's columns.</summary>
    public TextTemplate Template { get; } = TextTemplate.Parse(
        table.Queue == QueuedText.Content ? $"{{{table.Columns.Content}}}" : table.Text);

    /// <summary>The text as declared; what is embedded is made of it, or is what a queue's row says.</summary>
    public TextTemplate Declared { get; } = TextTemplate.Parse(table.Text);

    public string DeclaredText => table.Text;

    /// <summary>The declared view of rows with their vectors, or null.</summary>
    public string? View => table.View;

    /// <summary>Whether items may be asked for: of the live generation only.</summary>
    public QueuedText Queue => corpus.Generation is { IsLive: false } ? QueuedText.None : table.Queue;

    /// <summary>Ends the names of the objects that a generation has for itself.</summary>
    public string Suffix => PlacedGeneration.Suffix(corpus);

    /// <summary>
    /// A condition to append to statements that claim, or that write without a claim: the columns are this generation's still. Beside the
    /// rows no other generation ever has a table's name.
    /// </summary>
    public SqlText AndIsCurrent => field ??= Sql.When(
        !IsBeside && corpus.Generation is not null,
        $" AND embedding.ensure_generation({Sql.Literal(corpus.DeclaredName)}, {Sql.Literal(corpus.Name)}, {IsLive})");

    private SqlText IsLive => Sql.Raw(corpus.Generation is { IsLive: false } ? "false" : "true");

    /// <summary>The table as the declaration and the queue's rows call it.</summary>
    public string DeclaredName => table.Table;

    public IEnumerable<string> FilterColumns => table.Filter.Select(filter => filter.Column).Distinct();

    public EmbeddingRule Rule { get; } = new(table.Text, model, corpus.Dimensions, Describe(corpus, table, model));

    /// <summary>Counts the model's tokens.</summary>
    public TokenCounter Tokens { get; } = TokenCounter.Of(model);

    public LongText LongText => table.LongText;

    /// <summary>What the model reads of a text; null: all that a request may hold.</summary>
    public ITextWindow? Window => window;

    public int MaxCharacters => corpus.MaxCharacters;

    /// <summary>Into what texts are cut, or null.</summary>
    public Chunks? Chunks => table.Chunks;

    /// <summary>The table of the chunks as SQL writes it, or null.</summary>
    public SqlText? ChunkTable =>
        table.Chunks is null ? null : Sql.Of($"{Sql.Identifier(found.Schema)}.{Sql.Identifier(table.Chunks.Table)}");

    /// <summary>What tells an item from all others: the key or, where that has several columns, one text of them all.</summary>
    public SqlText Id => field ??= Column(IdColumn);

    public string IdColumn => table.KeyColumns is [var only] ? only : OwnColumns.Item;

    /// <summary>The id's type as Postgres names it, and as SQL writes it.</summary>
    public string IdTypeName => table.KeyColumns is [var only] ? found.Columns[only].Type : "text";

    public SqlText IdType => field ??= Sql.Raw(IdTypeName);

    /// <summary>For between two partitions.</summary>
    public SqlText IsPartition => field ??= table.Partition is null ? Sql.Is : found.Columns[table.Partition].Is;

    /// <summary>The partition as stored, or a constant where the corpus has one partition only.</summary>
    public SqlText Partition => field ??= table.Partition is null ? Sql.Of($"''::text") : Column(table.Partition);

    public SqlText PartitionType => field ??= table.Partition is null ? Sql.Of($"text") : found.Columns[table.Partition].SqlType;

    /// <summary>The language of the table's full-text search, or null.</summary>
    public string? TextSearch => table.TextSearch;

    /// <summary>By what a run may be confined.</summary>
    public IEnumerable<string> WhereNames => table.Where.Keys;

    public bool HasPartition => table.Partition is not null;

    /// <summary>The column of the vectors as declared, and as SQL writes it after no row's name.</summary>
    public string VectorColumn => table.Vector;

    public SqlText VectorName => field ??= Sql.Identifier(table.Vector);

    public SqlText Vector => field ??= Column(table.Vector);

    /// <summary>The type of the vectors as a declaration has it, and as SQL writes it.</summary>
    public string VectorType => VectorTypeOf(corpus);

    public SqlText VectorColumnType => field ??= schemas.InVector(VectorTypeOf(corpus));

    /// <summary>The type without its width.</summary>
    public SqlText AnyWidth => schemas.InVector(corpus.VectorType == Corpora.VectorType.Vector ? "vector" : "halfvec");

    public SqlText CosineOperators =>
        schemas.InVector(corpus.VectorType == Corpora.VectorType.Vector ? "vector_cosine_ops" : "halfvec_cosine_ops");

    /// <summary>Cosine distance, for between two vectors.</summary>
    public SqlText Distance => field ??= $"OPERATOR({Sql.Identifier(schemas.Vector)}.<=>)";

    /// <summary>For between two vectors.</summary>
    public SqlText IsOtherVector => $"OPERATOR({Sql.Identifier(schemas.Vector)}.<>)";

    public DatabaseSchemas Schemas => schemas;

    /// <summary>The columns that a migration adds, by name.</summary>
    public OwnColumns Own => table.Columns;

    /// <summary>The rule under which the row was decided on; since an edit its time, see <see cref="EditTime"/>, or null.</summary>
    public SqlText RuleId => field ??= Column(table.Columns.Rule);

    /// <summary>Whether the row is not decided on since an edit.</summary>
    public SqlText IsEdited => $"({RuleId} IS NULL OR {EditTime.Is(RuleId)})";

    /// <summary>The fingerprint of the text that was decided on.</summary>
    public SqlText Hash => field ??= Column(table.Columns.ContentHash);

    /// <summary>The decision, see <see cref="ItemState"/>; null if there was none.</summary>
    public SqlText State => field ??= Column(table.Columns.State);

    /// <summary>The name of the model that the row's vector is of.</summary>
    public SqlText Model => field ??= Column(table.Columns.Model);

    /// <summary>The same columns where SQL assigns to them.</summary>
    public SqlText RuleName => field ??= Sql.Identifier(table.Columns.Rule);

    public SqlText HashName => field ??= Sql.Identifier(table.Columns.ContentHash);

    public SqlText StateName => field ??= Sql.Identifier(table.Columns.State);

    /// <summary>After SET: takes the vector away, and decides that the text with this fingerprint has none.</summary>
    public SqlText Unembedded(SqlText state, SqlText hash) =>
        $"""
        {VectorName} = NULL, {Sql.Identifier(Own.GeneratedAt)} = clock_timestamp(), {Sql.Identifier(Own.Model)} = NULL,
               {Sql.Identifier(Own.Truncated)} = NULL, {RuleName} = {Sql.Literal(Rule.Id)}, {HashName} = {hash}, {StateName} = {state}
        """;

    /// <summary>After SET: takes the decision back, so that the item is embedded whatever its text is.</summary>
    public SqlText Undecided => $"{RuleName} = NULL, {HashName} = NULL, {StateName} = NULL";

    public bool HasDefaultIndex => corpus.Index with { Build = default } == new VectorIndex() && table.Vector == CorpusTable.DefaultVector;

    /// <summary>Of a vector in the graph of its index, by estimate: itself, its links on all levels, and what manages them.</summary>
    public int GraphBytes => (corpus.Dimensions * (corpus.VectorType == Corpora.VectorType.HalfVec ? 2 : 4)) + (corpus.Index.M * 48) + 200;

    public string IndexParameters => $"m = {corpus.Index.M}, ef_construction = {corpus.Index.EfConstruction}";

    /// <summary>
    /// Another one after each edit: a hash of what is embedded, made by the database from the row as it stands, or the number that a
    /// companion counts.
    /// </summary>
    public SqlText Version => field ??= IsBeside ? Sql.Of($"pg_catalog.int8send({Column(OwnColumns.Revision)})") : Sql.Of(
        $"pg_catalog.sha256(pg_catalog.convert_to(ROW({Sql.Join(", ", TextColumns)})::text, 'UTF8'::name))");

    /// <summary>When the row changed as a timestamptz, or null if the declaration names no such column.</summary>
    public SqlText? ChangedAt => table.ChangedAt is null ? null : Moment(table.ChangedAt);

    /// <summary>What puts newer items before older ones, or null if the declaration names nothing of the kind.</summary>
    public SqlText? Moved => ChangedAt ?? CreatedAt;

    private SqlText? CreatedAt => table.CreatedAt is null ? null : Moment(table.CreatedAt);

    /// <summary>A column as a timestamptz: a type without a zone is read as UTC.</summary>
    public SqlText Moment(string column) => found.Columns[column].Type switch
    {
        "timestamp with time zone" => Column(column),
        "date" => Sql.Of($"({Column(column)}::timestamp AT TIME ZONE 'UTC')"),
        _ => Sql.Of($"({Column(column)} AT TIME ZONE 'UTC')"),
    };

    public SqlText Column(string name) => $"{Sql.Raw(row)}{Sql.Identifier(name)}";

    /// <summary>Newest first, then by id so that the order is total.</summary>
    public SqlText Newest => field ??= Moved is null ? Id : Sql.Of($"{Moved} DESC, {Id}");

    /// <summary>When the row was last decided upon: the order in which a forced run walks it.</summary>
    public SqlText GeneratedAt => field ??= $"COALESCE({Column(table.Columns.GeneratedAt)}, '-infinity'::timestamptz)";

    public static bool IsMoment(string type) => type is "timestamp with time zone" or "timestamp without time zone" or "date";

    public static string VectorTypeOf(Corpus corpus) =>
        $"{(corpus.VectorType == Corpora.VectorType.Vector ? "vector" : "halfvec")}({corpus.Dimensions})";

    // What a vector under this rule is of, where a text is long.
    private static string Describe(Corpus corpus, CorpusTable table, string model)
    {
        var queued = table.Queue == QueuedText.Content ? "queue " : "";
        var longText = table.LongText switch
        {
            LongText.Truncate => $"truncate {corpus.MaxCharacters}",
            LongText.Chunk => $"chunk {table.Chunks!.MaxTokens} {table.Chunks.OverlapTokens}",
            _ => "fail",
        };
        var expressions = TextTemplate.Parse(table.Text).Columns.Where(name => table.Expressions?.ContainsKey(name) == true)
            .Select(name => $" {name}={table.Expressions![name]}");
        return $"{queued}{longText} {TokenCounter.Of(model).Name}{string.Concat(expressions)}";
    }
}
