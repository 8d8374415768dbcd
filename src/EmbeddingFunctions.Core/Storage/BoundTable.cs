using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage.Migrations;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// A declared table with the pieces of SQL that speak of it; its rows go by the alias <c>t</c>, unless asked for otherwise.
/// </summary>
internal sealed class BoundTable(
    Corpus corpus, CorpusTable table, FoundTable found, string model, DatabaseSchemas schemas, ITextWindow? window = null,
    string row = BoundTable.StandardRow)
{
    private const string StandardRow = "t.";

    /// <summary>In place of a fingerprint: there was nothing to embed.</summary>
    public const string EmptyMark = "";

    /// <summary>In place of a fingerprint: the item failed for good, see <c>embedding_failures</c>.</summary>
    public const string DeadMark = "dead";

    /// <summary>In place of a rule: as the row was written, a trigger of its owner's changed the text.</summary>
    public const string RewrittenMark = "rewritten";

    private const string IgnoredPrefix = "ignored:";

    // Shorter than a fingerprint, as is the whole: only those have 64 digits.
    private const int IgnoredDigits = 48;

    /// <summary>In place of a fingerprint: a person wants no vector of the text with this one.</summary>
    public static string IgnoredMark(string fingerprint) => $"{IgnoredPrefix}{fingerprint[..IgnoredDigits]}";

    /// <summary>A LIKE pattern for <see cref="IgnoredMark"/>.</summary>
    public const string IgnoredMarks = $"{IgnoredPrefix}%";

    /// <summary>The same table, its row under another name: <c>"NEW."</c> in a trigger, nothing in an index.</summary>
    public BoundTable WithRow(string name) => new(corpus, table, found, model, schemas, window, name);

    public string Kind => table.Kind;

    public int Priority => table.Priority;

    public string Table => found.Quoted;

    public string Schema => found.Schema;

    public string Name => found.Name;

    public FoundTable Found => found;

    /// <summary>What is embedded, of the row's columns.</summary>
    public TextTemplate Template { get; } = TextTemplate.Parse(
        table.Queue == QueuedText.Content ? $"{{{table.Columns.Content}}}" : table.Text);

    /// <summary>The text as declared; what is embedded is made of it, or is what a queue's row says.</summary>
    public TextTemplate Declared { get; } = TextTemplate.Parse(table.Text);

    public string DeclaredText => table.Text;

    public QueuedText Queue => table.Queue;

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
    public string? ChunkTable => table.Chunks is null ? null : $"{Sql.Identifier(found.Schema)}.{Sql.Identifier(table.Chunks.Table)}";

    public string Id => Column(table.Id);

    public string IdType => found.Columns[table.Id].Type;

    /// <summary>For between two partitions.</summary>
    public string IsPartition => table.Partition is null ? Sql.Is : found.Columns[table.Partition].Is;

    /// <summary>The partition as stored, or a constant where the corpus has one partition only.</summary>
    public string Partition => table.Partition is null ? "''::text" : Column(table.Partition);

    public string PartitionType => table.Partition is null ? "text" : found.Columns[table.Partition].SqlType;

    /// <summary>The language of the table's full-text search, or null.</summary>
    public string? TextSearch => table.TextSearch;

    /// <summary>By what a run may be confined.</summary>
    public IEnumerable<string> WhereNames => table.Where.Keys;

    public bool HasPartition => table.Partition is not null;

    /// <summary>The column of the vectors as declared, and as SQL writes it after no row's name.</summary>
    public string VectorColumn => table.Vector;

    public string VectorName => Sql.Identifier(table.Vector);

    public string Vector => Column(table.Vector);

    /// <summary>The type of the vectors as a declaration has it, and as SQL writes it.</summary>
    public string VectorType => VectorTypeOf(corpus);

    public string VectorColumnType => schemas.InVector(VectorTypeOf(corpus));

    public string CosineOperators =>
        schemas.InVector(corpus.VectorType == Corpora.VectorType.Vector ? "vector_cosine_ops" : "halfvec_cosine_ops");

    /// <summary>Cosine distance, for between two vectors.</summary>
    public string Distance => $"OPERATOR({Sql.Identifier(schemas.Vector)}.<=>)";

    /// <summary>For between two vectors.</summary>
    public string IsOtherVector => $"OPERATOR({Sql.Identifier(schemas.Vector)}.<>)";

    public DatabaseSchemas Schemas => schemas;

    /// <summary>The columns that a migration adds, by name.</summary>
    public OwnColumns Own => table.Columns;

    /// <summary>The rule that the row's vector was made under, and the fingerprint of its text.</summary>
    public string RuleMark => Column(table.Columns.Rule);

    public string Hash => Column(table.Columns.ContentHash);

    /// <summary>The name of the model that the row's vector is of.</summary>
    public string Model => Column(table.Columns.Model);

    /// <summary>Whether the row has a vector of another model.</summary>
    public string IsOfAnotherModel => $"{Vector} IS NOT NULL AND {Model} OPERATOR(pg_catalog.<>) {Sql.Literal(model)}";

    /// <summary>
    /// The same of rows that a run would take. These words make a partial index, which is empty unless the model changed.
    /// </summary>
    public string IsToBeReplaced => $"{IsOfAnotherModel}{Filter}";

    /// <summary>The same columns where SQL assigns to them.</summary>
    public string RuleName => Sql.Identifier(table.Columns.Rule);

    /// <summary>Takes the vector away, to be followed by what stands in place of the fingerprint.</summary>
    public string Unembedded =>
        $"{VectorName} = NULL, {Sql.Identifier(Own.GeneratedAt)} = clock_timestamp(), {Sql.Identifier(Own.Model)} = NULL, "
        + $"{Sql.Identifier(Own.Truncated)} = NULL, {RuleName} = {Sql.Literal(Rule.Id)}";

    public string HashName => Sql.Identifier(table.Columns.ContentHash);

    public bool HasStandardIndex => corpus.Index == new VectorIndex() && table.Vector == CorpusTable.StandardVector;

    public string IndexParameters => $"m = {corpus.Index.M}, ef_construction = {corpus.Index.EfConstruction}";

    /// <summary>The text's columns, as text, in the template's order.</summary>
    public IEnumerable<string> TextColumns => Template.Columns.Select(Text);

    /// <summary>
    /// A column as text; of an array the words with a space between them; of a row that came past the triggers its text as declared.
    /// </summary>
    public string Text(string column) =>
        found.Columns.TryGetValue(column, out var type) && type.Type.EndsWith("[]", StringComparison.Ordinal)
        ? $"pg_catalog.array_to_string({Column(column)}, ' ')"
        : column == table.Columns.Content && table.Queue == QueuedText.Content && row == StandardRow
            ? $"COALESCE({Column(column)}, {TemplateFunction.Name(found)}({row}*))"
        : $"{Column(column)}::text";

    /// <summary>The columns by whose change an item may have become pending, as the declaration has their names.</summary>
    public IEnumerable<string> WakingColumns =>
        Declared.Columns.Concat(FilterColumns).Concat(table.Partition is null ? [] : [table.Partition]).Distinct();

    /// <summary>A hash of what is embedded, made by the database from the row as it stands: tells an edit from a mere touch.</summary>
    public string Version => $"pg_catalog.sha256(pg_catalog.convert_to(ROW({string.Join(", ", TextColumns)})::text, 'UTF8'::name))";

    /// <summary>When the row changed as a timestamptz, or null if the declaration names no such column.</summary>
    public string? ChangedAt => table.ChangedAt is null ? null : Moment(table.ChangedAt);

    /// <summary>What puts newer items before older ones, or null if the declaration names nothing of the kind.</summary>
    public string? Moved => ChangedAt ?? CreatedAt;

    private string? CreatedAt => table.CreatedAt is null ? null : Moment(table.CreatedAt);

    /// <summary>A column as a timestamptz: a type without a zone is read as UTC.</summary>
    public string Moment(string column) => found.Columns[column].Type switch
    {
        "timestamp with time zone" => Column(column),
        "date" => $"({Column(column)}::timestamp AT TIME ZONE 'UTC')",
        _ => $"({Column(column)} AT TIME ZONE 'UTC')",
    };

    public string Column(string name) => $"{row}{Sql.Identifier(name)}";

    /// <summary>Newest first, then by id so that the order is total.</summary>
    public string Newest => Moved is null ? Id : $"{Moved} DESC, {Id}";

    /// <summary>
    /// The vector is missing, was made under another rule or of an older text, or the row was touched since.
    /// The same words make the partial index, so that planning never looks at a row that is fresh.
    /// </summary>
    public string Pending =>
        $"""
        ({RuleMark} IS DISTINCT FROM {Sql.Literal(Rule.Id)}
            {(ChangedAt is null ? "" : $"OR {Column(table.Columns.GeneratedAt)} < {ChangedAt}")}
            OR {Hash} IS NULL OR ({Vector} IS NULL AND pg_catalog.length({Hash}) = 64)){Filter}
        """;

    /// <summary>
    /// Of the pending items those that a scheduled run takes: what was embedded before is taken whatever its age, so an edit is never left
    /// behind.
    /// </summary>
    private string PendingBySchedule => $"{Pending}{(LeftToBackfill is null ? "" : $" AND ({LeftToBackfill}) IS NOT TRUE")}";

    /// <summary>
    /// What a scheduled run leaves to a backfill, or null: an item that never had a vector, and is older than the declaration says.
    /// </summary>
    public string? LeftToBackfill => corpus.Scheduled?.NewerThan is { } time && CreatedAt is { } created
        ? $"""{Column(table.Columns.GeneratedAt)} IS NULL AND {created} < now() - interval {Sql.Literal(time)}"""
        : null;

    /// <summary>The items that a run of this scope takes.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="before">Forced: the parameter with the moment since which an item was embedded anew.</param>
    public string Due(PendingScope scope, string before) => scope switch
    {
        PendingScope.Forced => $"{GeneratedAt} < {before}{Filter}",
        PendingScope.Scheduled => PendingBySchedule,
        _ => Pending,
    };

    /// <summary>
    /// The condition to append that keeps out what a run has settled already: where something of the owner's undoes that, it would never
    /// end.
    /// </summary>
    /// <param name="run">The parameter with the run's id. An edit of the text since is not kept out.</param>
    public string NotSettledBy(string run) => $" AND ({SettledBy(run)}) IS NOT TRUE";

    /// <summary>Whether a run has settled the row, and its text is the same since, or was changed by a trigger at that.</summary>
    public string SettledBy(string run) =>
        $"{RuleMark} IN ({Sql.Literal(Rule.Id)}, '{RewrittenMark}') AND {GeneratedAt} >= (SELECT created_at FROM embedding_jobs WHERE id "
            + $"= {run})";

    public string Order(PendingScope scope) => scope == PendingScope.Forced ? $"{GeneratedAt}, {Id}" : Newest;

    /// <summary>When the row was last decided upon: the order in which a forced run walks it.</summary>
    public string GeneratedAt => $"COALESCE({Column(table.Columns.GeneratedAt)}, '-infinity'::timestamptz)";

    /// <summary>The declared filter as a condition to append, or nothing.</summary>
    public string Filter => string.Concat(table.Filter.Select(filter => " AND " + Condition(row, found, filter)));

    /// <summary>The column that a name of the declaration's <c>where</c> means, its equality and its type.</summary>
    public (string Column, string Is, string Type) Where(string name) =>
        found.Columns[table.Where[name]] is var column ? (Column(table.Where[name]), column.Is, column.SqlType) : default;

    /// <summary>What a run is confined to as a condition to append, or nothing.</summary>
    /// <param name="selection">Its names are the declaration's.</param>
    /// <param name="values">The parameter with <see cref="Selection.Values"/>.</param>
    public string Selected(Selection? selection, string values) =>
        string.Concat(
            selection?.Names.Select(
                (name, i) => $" AND {Where(name).Column} {Where(name).Is} ({values}::text[])[{i + 1}]::{Where(name).Type}")
                ?? [])
        + (selection?.FromId is null ? "" : $" AND {Id} >= ({values}::text[])[{selection.Where.Count + 1}]::bigint");

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
        return $"{queued}{longText} {TokenCounter.Of(model).Name}";
    }

    public static string Condition(string row, FoundTable table, ColumnFilter filter)
    {
        var column = $"{row}{Sql.Identifier(filter.Column)}";
        return filter.EqualTo is null
            ? $"{column} IS {(filter.IsNull == false ? "NOT " : "")}NULL"
            : $"{column} {table.Columns[filter.Column].Is} {Sql.Literal(filter.EqualTo)}::{table.Columns[filter.Column].SqlType}";
    }
}
