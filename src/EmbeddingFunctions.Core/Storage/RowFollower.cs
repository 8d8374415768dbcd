using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// A table that follows an owner's by its keys: triggers note the keys of rows that are written in a table of changes, and a function
/// brings it up to date with these.
/// </summary>
internal sealed record RowFollower
{
    /// <summary>Begins the name of a table of changes.</summary>
    public const string ChangesPurpose = "embedding_changes";

    /// <summary>The column of a table of changes that has the time of a write.</summary>
    public static readonly SqlText NotedAt = Sql.Of($"embedding_noted_at");

    private RowFollower(ResolvedTable source, CatalogueTable holder) => (Source, Holder) = (source, holder);

    /// <summary>The owner's table.</summary>
    public ResolvedTable Source { get; }

    /// <summary>The one that follows.</summary>
    public CatalogueTable Holder { get; }

    public SqlText Target => Holder.Quoted;

    public string ChangesName => ObjectNames.Name(ChangesPurpose, Holder);

    public SqlText Changes => Sql.Of($"{Sql.Identifier(Holder.Schema)}.{Sql.Identifier(ChangesName)}");

    /// <summary>The functions, as SQL writes them: of an update, of all other writes, and the one that brings it up to date.</summary>
    public required string EditFunction { get; init; }

    public required string RowsFunction { get; init; }

    public required string SettleFunction { get; init; }

    /// <summary>By whose change a row is another, as the declaration names them.</summary>
    public required IEnumerable<string> Watched { get; init; }

    /// <summary>The columns of a new row.</summary>
    public required SqlText Columns { get; init; }

    /// <summary>What they are of the owner's row <c>t</c>, and of what was noted of it, <c>k</c>.</summary>
    public required SqlText Values { get; init; }

    /// <summary>After SET, of the row <c>c</c> that is there: what becomes of it, <c>EXCLUDED</c> being a new one.</summary>
    public required SqlText Replacement { get; init; }

    /// <summary>Whether it has only the rows that the declaration's filter takes.</summary>
    private bool IsFiltered { get; init; }

    /// <summary>Conditions on a row of the owner's, after others.</summary>
    public SqlText FilterOf(ResolvedTable row) => IsFiltered ? row.DeclaredFilter : Sql.Empty;

    /// <summary>The vectors beside the rows.</summary>
    public static RowFollower OfVectors(Corpus corpus, ResolvedTable table)
    {
        string Function(string purpose) => ObjectNames.Function($"{purpose}_{corpus.Name}", table.Holder with { Name = table.Kind });
        return new(table, table.Holder)
        {
            EditFunction = Function("note_edit"),
            RowsFunction = Function("note_rows"),
            SettleFunction = Function("settle"),
            Watched = table.KeyColumns.Concat(table.WakingColumns),
            Columns = Sql.Of($"{CompanionTable.Names(table)}, {table.RuleName}"),
            Values = Sql.Of($"{CompanionTable.Values(table, Sql.Of($"t."))}, {EditTime.From(Sql.Of($"k.{NotedAt}"))}"),
            Replacement = Sql.Join(", ", table.Copied.Except(table.KeyColumns).Select(Sql.Identifier).Select(
                column => Sql.Of($"{column} = EXCLUDED.{column}")).Prepend(
                    CompanionTable.Unsettled(table, EditTime.First(table.WithRow("c.").RuleId, Sql.Of($"EXCLUDED.{table.RuleName}"))))),
            IsFiltered = true,
        };
    }

    /// <summary>The words of the rows, for search.</summary>
    public static RowFollower OfWords(Corpus corpus, ResolvedTable table)
    {
        string Function(string purpose) =>
            ObjectNames.Function($"{purpose}_{corpus.DeclaredName}", table.WordsTable with { Name = table.Kind });
        // Trigrams of longer names would cost too much.
        var names = table.Search!.Identifiers.Count == 0 ? Sql.Of($"NULL") : Sql.Of($"pg_catalog.\"left\"({table.Names}, 10000)");
        return new(table, table.WordsTable)
        {
            EditFunction = Function("note_words"),
            RowsFunction = Function("note_words_of_rows"),
            SettleFunction = Function("settle_words"),
            Watched = table.KeyColumns.Concat(table.WordNames),
            Columns = Sql.Of($"{CompanionTable.KeysOf(table, Sql.Empty)}, language, words, names"),
            Values = Sql.Of($"{CompanionTable.KeysOf(table, Sql.Of($"t."))}, {table.RowLanguage}, {table.Words}, {names}"),
            Replacement = Sql.Of($"language = EXCLUDED.language, words = EXCLUDED.words, names = EXCLUDED.names"),
        };
    }
}
