using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>Which rows: those that are pending, that a run takes, that the declaration takes at all.</summary>
internal sealed partial class ResolvedTable
{
    /// <summary>
    /// No decision is known, or it was made under another rule or on an older text, or the row was touched since, or the vector is gone.
    /// The same words make the partial index, so that planning never looks at a row that is fresh.
    /// </summary>
    public SqlText Pending => field ??= Sql.Of(
        $"""
        ({RuleId} IS DISTINCT FROM {Sql.Literal(Rule.Id)}
            {Sql.When(ChangedAt is not null && !IsBeside, $"OR {Column(table.Columns.GeneratedAt)} < {ChangedAt!}")}
            OR {Hash} IS NULL OR {State} IS NULL OR {State} = {Sql.Literal(ItemState.Rewritten)}
            OR {State} = {Sql.Literal(ItemState.Embedded)} AND {Vector} IS NULL){Filter}
        """);

    /// <summary>
    /// Of the pending items those that a scheduled run takes: what was embedded before is taken whatever its age, so an edit is never left
    /// behind.
    /// </summary>
    private SqlText PendingBySchedule => $"{Pending}{Sql.When(LeftToBackfill is not null, $" AND ({LeftToBackfill!}) IS NOT TRUE")}";

    /// <summary>
    /// What a scheduled run leaves to a backfill, or null: an item that never had a vector, and is older than the declaration says.
    /// </summary>
    public SqlText? LeftToBackfill => corpus.Scheduled?.NewerThan is { } time && CreatedAt is { } created
        ? Sql.Of($"{Column(table.Columns.GeneratedAt)} IS NULL AND {created} < now() - interval {Sql.Literal(time)}")
        : null;

    /// <summary>The items that a run of this scope takes.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="before">Forced: the moment since which an item counts as embedded again.</param>
    public SqlText Due(PendingScope scope, DateTimeOffset? before) => scope switch
    {
        PendingScope.Forced => Sql.Of($"{GeneratedAt} < {before}{Filter}"),
        PendingScope.Scheduled => PendingBySchedule,
        _ => Pending,
    };

    /// <summary>
    /// The same without those that the run has settled already: where something of the owner's undoes that, it would never end. An edit of
    /// the text since is not kept out.
    /// </summary>
    public SqlText DueIn(Guid run, PendingScope scope, DateTimeOffset? before) =>
        $"{Due(scope, before)}{Sql.When(scope != PendingScope.Forced, $" AND ({SettledBy(run)}) IS NOT TRUE")}";

    /// <summary>Whether a run has settled the row, and its text is the same since, or was changed by a trigger at that.</summary>
    public SqlText SettledBy(Guid run) =>
        $"""
        {RuleId} = {Sql.Literal(Rule.Id)}
            AND {GeneratedAt} >= (SELECT created_at FROM embedding.jobs WHERE id = {run})
        """;

    public SqlText Order(PendingScope scope) => scope == PendingScope.Forced ? Sql.Of($"{GeneratedAt}, {Id}") : Newest;

    /// <summary>The declared filter as a condition to append, or nothing: a companion has no other rows.</summary>
    public SqlText Filter => IsBeside ? Sql.Empty : DeclaredFilter;

    /// <summary>The declared filter as a condition on the rows' own table.</summary>
    public SqlText DeclaredFilter => Sql.Join("", table.Filter.Select(filter => Sql.Of($" AND {Condition(Sql.Raw(row), found, filter)}")));

    /// <summary>The condition that a column, by its name in the declaration's <c>where</c>, has a value.</summary>
    public SqlText Where(string name, string value)
    {
        var column = found.Columns[table.Where[name]];
        SqlText Has(string of) => $"{Sql.Raw(of)}{Sql.Identifier(table.Where[name])} {column.Is} {value}::{column.SqlType}";
        return !IsBeside ? Has(row)
            : Sql.Of($"EXISTS (SELECT FROM {Table} s WHERE {CompanionTable.SameKey(this, Sql.Of($"s."), Sql.Raw(row))} AND {Has("s.")})");
    }

    /// <summary>What a run is confined to as a condition to append, or nothing.</summary>
    public SqlText Selected(Selection? selection) => selection is null ? Sql.Empty : Sql.Join("",
    [
        .. selection.Names.Select(name => Sql.Of($" AND {Where(name, selection.Where[name])}")),
        Sql.When(selection.FromId is not null, $" AND {Id} >= {selection.FromId}"),
    ]);

    /// <summary>Whether the row has a vector of another model.</summary>
    public SqlText IsOfAnotherModel => $"{Vector} IS NOT NULL AND {Model} OPERATOR(pg_catalog.<>) {Sql.Literal(model)}";

    /// <summary>
    /// The same of rows that a run would take. These words make a partial index, which is empty unless the model changed.
    /// </summary>
    public SqlText IsToBeReplaced => $"{IsOfAnotherModel}{Filter}";

    public static SqlText Condition(SqlText row, CatalogueTable table, ColumnFilter filter)
    {
        var (column, type) = (Sql.Of($"{row}{Sql.Identifier(filter.Column)}"), table.Columns[filter.Column]);
        SqlText Compare(string with, string value) => $"{column} {type.Operator(with)} {Sql.Literal(value)}::{type.SqlType}";
        return filter switch
        {
            { EqualTo: { } value } => Compare("=", value),
            { In: { } values } => Sql.Of($"({Sql.Join(" OR ", values.Select(value => Compare("=", value)))})"),
            { Not: { } value } => Sql.Of($"({Compare("=", value)}) IS NOT TRUE"),
            { LessThan: { } less, GreaterThan: { } greater } => Sql.Of($"{Compare("<", less)} AND {Compare(">", greater)}"),
            { LessThan: { } value } => Compare("<", value),
            { GreaterThan: { } value } => Compare(">", value),
            _ => Sql.Of($"{column} IS {Sql.When(filter.IsNull == false, $"NOT ")}NULL"),
        };
    }
}
