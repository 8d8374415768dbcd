using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>How its rows are searched.</summary>
internal sealed partial class ResolvedTable
{
    private const string SimpleLanguage = "simple";

    /// <summary>The declaration, or null.</summary>
    public TableSearch? Search => table.Search;

    /// <summary>All names that the declaration of the search has.</summary>
    public IEnumerable<string> SearchedNames => SearchRules.Names(table);

    /// <summary>Whether the words have a table: not where the rows have a column of them, or no trigger follows the rows.</summary>
    public bool HasWordsTable => Search is not null && table.TextSearch is null && HasTriggers;

    /// <summary>The table of the words, which is the same for all generations.</summary>
    public CatalogueTable WordsTable => field ??= new CatalogueTable(
        "embedding", ObjectNames.Name($"words_{corpus.DeclaredName}", new CatalogueTable("", table.Kind, 'r', [])), 'r', []);

    /// <summary>What keeps that table true; null where there is none, and of a generation that is not live.</summary>
    public RowFollower? WordsFollower => field ??=
        HasWordsTable && corpus.Generation is not { IsLive: false } ? RowFollower.OfWords(corpus, this) : null;

    /// <summary>The function that says whether words of rows are still to be read, as SQL writes it.</summary>
    public string WordsAreBehind => ObjectNames.Function($"words_are_behind_{corpus.DeclaredName}", WordsTable with { Name = Kind });

    /// <summary>The language of all rows; null: each has its own.</summary>
    public string? Language => Search?.LanguageColumn is null ? table.TextSearch ?? Search?.Language ?? SimpleLanguage : null;

    /// <summary>The same of a row.</summary>
    public SqlText RowLanguage => Language is { } language ? Sql.Literal(language)
        : Sql.Of($"embedding.text_language({Column(Search!.LanguageColumn!)}::text)");

    /// <summary>A row's words.</summary>
    public SqlText Words
    {
        get
        {
            var weighted = Enum.GetValues<TextWeight>().Select(weight =>
                Together(SearchedColumns.Where(column => column.Weight == weight).Select(column => column.Name)));
            return $"embedding.text_words({RowLanguage}, {Sql.Join(", ", weighted)}, {Names})";
        }
    }

    /// <summary>A row's text with the names that are found as they are.</summary>
    public SqlText Names => Together(Search?.Identifiers ?? []);

    /// <summary>The columns whose words are found.</summary>
    public IReadOnlyList<(string Name, TextWeight Weight)> SearchedColumns => Search?.Weights is { Count: > 0 } weights
        ? weights.Select(column => (column.Key, column.Value)).ToList()
        : Declared.Columns.Select((name, i) => (name, i == 0 ? TextWeight.A : TextWeight.D)).ToList();

    /// <summary>The names by whose change a row's words are others.</summary>
    public IEnumerable<string> WordNames => SearchedColumns.Select(column => column.Name).Concat(Search?.Identifiers ?? [])
        .Concat(Search?.LanguageColumn is { } language ? [language] : []).Distinct();

    /// <summary>What results show as an item's title.</summary>
    public SqlText Title => Text(Search?.Title ?? Declared.Columns[0]);

    /// <summary>What results show a passage of.</summary>
    public SqlText Document => Together(SearchedColumns.Select(column => column.Name)
        .Where(name => SearchedColumns.Count == 1 || name != (Search?.Title ?? Declared.Columns[0])));

    /// <summary>The columns that filters and results may have: of the declaration only, by name.</summary>
    public IReadOnlyDictionary<string, CatalogueColumn> FilterableColumns => field ??= Declared.Columns
        .Concat(table.KeyColumns).Concat(new[] { table.Partition, table.ChangedAt, table.CreatedAt }.OfType<string>())
        .Concat(table.Where.Values).Concat(SearchedNames).Distinct().Where(found.Columns.ContainsKey)
        .ToDictionary(name => name, name => found.Columns[name]);

    public int Dimensions => corpus.Dimensions;

    /// <summary>The rows as they are, with their vectors and state.</summary>
    public SqlText SearchedRows => field ??= IsBeside ? CompanionTable.AllRows(this, table) : found.Quoted;

    /// <summary>
    /// Whether the item <c>u.id</c> was written since its companion was brought up to date, which triggers note; null where the row's own
    /// state tells.
    /// </summary>
    public SqlText? IsNotedAsChanged => Follower is null ? null
        : KeyColumns.Count == 1 ? Sql.Of($"{Sql.Raw(IsChangedFunction)}(ARRAY[u.id])")
        : Sql.Of($"{Sql.Raw(IsChangedFunction)}(ARRAY(SELECT pg_catalog.jsonb_array_elements_text(u.id::jsonb)))");

    /// <summary>Whether the vector is of the row's text as it is, as far as the row's state tells.</summary>
    public SqlText IsCurrent =>
        $"""
        {Vector} IS NOT NULL AND {RuleId} = {Sql.Literal(Rule.Id)} AND {Hash} <> '' AND {State} = {Sql.Literal(ItemState.Embedded)}
            {Sql.When(ChangedAt is not null && !IsBeside, $"AND ({Column(table.Columns.GeneratedAt)} < {ChangedAt!}) IS NOT TRUE")}
            {Sql.When(!HasTriggers, $"AND {Sql.Raw(row)}{CompanionTable.SeenName} = {CompanionTable.Seen(this)}")}
        """;

    /// <summary>Whether the row has a vector of the model at all, of whichever of its texts.</summary>
    public SqlText IsKept => $"{Vector} IS NOT NULL AND {Model} = {Sql.Literal(model)}";

    /// <summary>Whether a search may show the row: not where its text failed, or is ignored.</summary>
    public SqlText IsShown =>
        $"""
        ({State} IN ({Sql.Literal(ItemState.Failed)}, {Sql.Literal(ItemState.Ignored)}) AND NOT {IsEdited}
            AND NOT {IsChanged}) IS NOT TRUE
        """;

    public SqlText Truncated => Column(table.Columns.Truncated);

    private SqlText Together(IEnumerable<string> names) => names.Select(Text).ToList() switch
    {
        [] => Sql.Of($"NULL"),
        [var only] => only,
        var texts => Sql.Of($"pg_catalog.concat_ws(' ', {Sql.Join(", ", texts)})"),
    };
}
