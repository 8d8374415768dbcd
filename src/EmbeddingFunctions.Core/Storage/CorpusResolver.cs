using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Storage;

/// <summary>Holds a declaration against a database's catalogue and says all that does not fit.</summary>
internal static partial class CorpusResolver
{
    internal static readonly string[] KeyTypes = ["uuid", "bigint", "integer", "text", "character varying"];

    /// <param name="declared">The declaration.</param>
    /// <param name="tables">What the catalogue knows of the corpus's tables.</param>
    /// <param name="schemas">Where the engine's own objects are.</param>
    /// <param name="settings">They choose the model, which is part of the rule.</param>
    /// <param name="window">What the model reads of a text, if it is less than a request may hold.</param>
    /// <exception cref="DatabaseNotReadyException">All that is missing or of a wrong type.</exception>
    public static ResolvedCorpus Resolve(
        Corpus declared, IReadOnlyDictionary<string, CatalogueTable> tables, DatabaseSchemas schemas, EmbeddingSettings settings,
        ITextWindow? window = null)
    {
        var corpus = PlacedGeneration.Of(declared);
        var faults = Faults(corpus, tables, settings);
        if (faults.Count > 0)
        {
            var hint = tables.Count == 0 && ShippedCorpora.Contains(declared)
                ? $"\nTo try it out, 'embeddings migrate {corpus.Name} --with-sample-tables' creates them." : "";
            throw new DatabaseNotReadyException(DeclarationFault.Describe(corpus, faults) + hint);
        }

        var model = settings.ModelFor(corpus);
        var resolved = corpus.Tables.Select(table => new ResolvedTable(corpus, table, tables[table.Table], model, schemas, window));
        return new ResolvedCorpus(declared, corpus, model, resolved.ToList(), ActivePartitions(corpus, tables));
    }

    /// <summary>All that does not fit, with its place within the corpus's declaration.</summary>
    public static IReadOnlyList<DeclarationFault> Faults(
        Corpus corpus, IReadOnlyDictionary<string, CatalogueTable> tables, EmbeddingSettings settings) =>
        CheckModel(corpus, settings)
            .Concat(corpus.Tables.SelectMany((_, i) => CheckTable(corpus, i, tables)))
            .Concat(CheckNames(corpus, tables)).Concat(CheckPartitions(corpus, tables)).ToList();

    private static IEnumerable<DeclarationFault> CheckTable(Corpus corpus, int i, IReadOnlyDictionary<string, CatalogueTable> tables) =>
        Check(corpus, corpus.Tables[i], tables).Select(fault => fault.Within(TableRules.PathOf(i), corpus.Tables[i].Kind));

    private static IEnumerable<DeclarationFault> CheckModel(Corpus corpus, EmbeddingSettings settings) =>
        corpus.Tables.SelectMany((table, i) => table.Chunks is { } chunks && settings.MisfitOf(chunks) is { } fault
            ? [new DeclarationFault("chunks", fault).Within(TableRules.PathOf(i), table.Kind)] : Array.Empty<DeclarationFault>())
        .Concat(settings.MisfitOf(corpus) is { } misfit ? [new DeclarationFault("dimensions", misfit)] : []);

    // Kinds that share a table must exclude each other, which is looked at by the table's name.
    private static IEnumerable<DeclarationFault> CheckNames(Corpus corpus, IReadOnlyDictionary<string, CatalogueTable> tables) =>
        corpus.Tables.Select(table => table.Table).Distinct().Where(tables.ContainsKey).GroupBy(name => tables[name].Quoted)
            .Where(names => names.Count() > 1)
            .Select(names => new DeclarationFault("tables", $"{string.Join(" and ", names)} are the same table: call it by one name"));

    private static IEnumerable<DeclarationFault> Check(Corpus corpus, CorpusTable table, IReadOnlyDictionary<string, CatalogueTable> tables)
    {
        if (!tables.TryGetValue(table.Table, out var found))
        {
            return [new("table", $"there is no table '{table.Table}'")];
        }

        var columns = TextTemplate.Parse(table.Text).Columns
            .SelectMany(name => found.ColumnsOf(table, name)).Select(column => ("text", (string?)column))
            .Concat(Filters(table.Filter))
            .Concat(table.Where.Select(named => ($"where.{named.Key}", (string?)named.Value)))
            .Concat(SearchRules.Names(table).SelectMany(name => found.ColumnsOf(table, name)).Select(column => ("search", (string?)column)))
            .Concat((corpus.PendingView?.Columns ?? []).Select(column => ("", (string?)column)))
            .Concat(table.KeyColumns.Select(column => (table.Key.Count > 0 ? "key" : "id", (string?)column)))
            .Concat([("partition", table.Partition), ("changedAt", table.ChangedAt), ("createdAt", table.CreatedAt)]);
        return Missing(found, columns).Concat(CheckPaths(table, found)).Concat(CheckExpressions(table, found))
            .Concat(CheckKey(corpus, table, found)).Concat(CheckTypes(corpus, table, found))
            .Concat(CheckGenerated(table, found)).Concat(CheckTextSearch(table, found))
            .Concat(corpus.Store == Store.Column ? CheckOldColumns(table, found) : []);
    }

    private static IEnumerable<DeclarationFault> CheckPaths(CorpusTable table, CatalogueTable found) =>
        from name in TextTemplate.Parse(table.Text).Columns
        where !found.Columns.ContainsKey(name) && table.Expressions?.ContainsKey(name) != true
        let column = found.ColumnsOf(table, name).Single()
        where column != name && found.Columns.TryGetValue(column, out var type) && type.Type is not ("json" or "jsonb")
        select new DeclarationFault(
            "text", $"{{{name}}} looks into {found.Name}.{column}, which is of type {found.Columns[column].Type}; it takes json or jsonb");

    private static IEnumerable<DeclarationFault> CheckExpressions(CorpusTable table, CatalogueTable found)
    {
        foreach (var (name, expression) in table.Expressions ?? new Dictionary<string, string>())
        {
            if (found.Columns.ContainsKey(name))
            {
                yield return new($"expressions.{name}", $"{found.Name} has a column '{name}': give the expression another name");
            }
            else if (!found.ColumnsOf(table, name).Any())
            {
                yield return new($"expressions.{name}", $"the expression '{name}', {expression}, reads no column of {found.Name}");
            }
            else if (table.TextSearch is not null && TextTemplate.Parse(table.Text).Columns.Contains(name))
            {
                yield return new("textSearch", $"textSearch takes columns only, and the text has the expression '{name}'");
            }
        }
    }

    private static IEnumerable<DeclarationFault> CheckKey(Corpus corpus, CorpusTable table, CatalogueTable found)
    {
        if (!found.IsTable && corpus.Store == Store.Column)
        {
            yield return new(
                "table",
                $"{found.Name} is a {found.KindInWords}, which cannot hold vectors; with \"store\": \"table\" they are kept beside it");
        }
        else if (
            table.KeyColumns.FirstOrDefault(
                column => found.Columns.TryGetValue(column, out var type) && !IsKeyType(table, type)) is { } odd)
        {
            yield return new(
                table.Key.Count > 0 ? "key" : "id",
                $"the key {found.Name}.{odd} is of type {found.Columns[odd].Type}; it takes uuid, bigint, integer or text");
        }
        else if (found.IsTable && table.KeyColumns.All(found.Columns.ContainsKey) && !found.IsKey(table.KeyColumns))
        {
            yield return new(
                table.Key.Count > 0 ? "key" : "id",
                $"the key {string.Join(" and ", table.KeyColumns.Select(column => $"{found.Name}.{column}"))} does not tell rows apart; "
                    + "it takes "
                    + "a primary key, or a unique index and NOT NULL");
        }
    }

    // Of a key of several columns one may be a day or a time: its text is the item's, and is read back as it was.
    private static bool IsKeyType(CorpusTable table, CatalogueColumn column) =>
        KeyTypes.Contains(column.Type) || (table.KeyColumns.Count > 1 && column.Type is "smallint" or "date" or "timestamp with time zone");

    private static IEnumerable<DeclarationFault> CheckTypes(Corpus corpus, CorpusTable table, CatalogueTable found)
    {
        foreach (var (property, column) in new[] { ("changedAt", table.ChangedAt), ("createdAt", table.CreatedAt) })
        {
            if (column is not null && found.Columns.TryGetValue(column, out var moment) && !ResolvedTable.IsMoment(moment.Type))
            {
                yield return new(property, $"{property} {found.Name}.{column} is of type {moment.Type}; it takes a timestamp or a date");
            }
        }

        if (table.View is not null && found.Columns.ContainsKey(table.Vector))
        {
            yield return new(
                "view",
                $"the view would have the column '{table.Vector}' twice, ours and that of {found.Name}: declare another name for ours, "
                    + "\"vector\": \"…\"");
        }

        if (
            corpus.Store == Store.Column && found.Columns.GetValueOrDefault(table.Vector) is { } embedding
                && VectorType(embedding) is var type
                && type != ResolvedTable.VectorTypeOf(corpus))
        {
            yield return new("", $"the column {found.Name}.{table.Vector} is {type}, the corpus says {ResolvedTable.VectorTypeOf(corpus)}: "
                + (embedding.Type is "vector" or "halfvec" && corpus.Generation is not null
                    ? $"'embeddings switch {corpus.DeclaredName}' fills a column of the other type beside it; or correct the declaration"
                    : "correct the declaration, or drop the column (its vectors cannot be kept) and migrate again"));
        }
    }

    // To the trigger that notes edits such a column is null: each vector's own write would look like an edit.
    private static IEnumerable<DeclarationFault> CheckGenerated(CorpusTable table, CatalogueTable found)
    {
        var noted = TextTemplate.Parse(table.Text).Columns
            .SelectMany(name => found.ColumnsOf(table, name)).Select(column => ("text", (string?)column))
            .Append(("changedAt", table.ChangedAt));
        foreach (var (property, column) in Those(found, noted, column => column.IsGenerated))
        {
            yield return new(
                property,
                $"the column {found.Name}.{column} is generated, which the trigger that notes edits cannot see; name the columns that it "
                    + "is made of");
        }

        var indexed = Filters(table.Filter).Concat([("partition", table.Partition), ("createdAt", table.CreatedAt)]);
        foreach (var (property, column) in Those(found, indexed, column => column.IsVirtual))
        {
            yield return new(property, $"the column {found.Name}.{column} is a virtual one, which no index can hold; make it STORED");
        }
    }

    private static IEnumerable<(string Property, string? Column)> Those(
        CatalogueTable found, IEnumerable<(string Property, string? Column)> columns, Func<CatalogueColumn, bool> are) =>
        columns.Where(named => named.Column is not null && found.Columns.TryGetValue(named.Column, out var column) && are(column));

    // Only of these Postgres makes a generated column: other types' words depend on settings.
    private static IEnumerable<DeclarationFault> CheckTextSearch(CorpusTable table, CatalogueTable found) =>
        table.TextSearch is null ? []
        : TextTemplate.Parse(table.Text).Columns
            .Where(
                column =>
                    found.Columns.TryGetValue(column, out var text) && text.Type is not ("text" or "character varying" or "character"))
            .Select(
                column => new DeclarationFault(
                    "textSearch",
                    $"textSearch is over {found.Name}.{column}, which is of type {found.Columns[column].Type}; it takes columns of text"));

    private static IEnumerable<DeclarationFault> CheckOldColumns(CorpusTable table, CatalogueTable found) =>
        from column in table.Columns.Of(table.Queue)
        let there = found.Columns.GetValueOrDefault(column.Column)
        where there is not null && there.Type != column.Type
        select new DeclarationFault("table", $"the column {found.Name}.{column.Column} is of type {there.Type}, which is not ours: "
            + $"declare another name for it, \"columns\": {{ \"{column.Property}\": \"…\" }}");

    internal static string VectorType(CatalogueColumn column) =>
        column.Type is not ("vector" or "halfvec") ? column.Type
        : column.Modifier < 0 ? $"{column.Type} without dimensions"
        : $"{column.Type}({column.Modifier})";

    private static IEnumerable<(string Property, string? Column)> Filters(IReadOnlyList<ColumnFilter> filters) =>
        filters.Select((filter, i) => ($"filter[{i}].column", (string?)filter.Column));

    private static IEnumerable<DeclarationFault> Missing(
        IReadOnlyDictionary<string, CatalogueTable> tables, string name, IEnumerable<(string Property, string? Column)> columns) =>
        tables.TryGetValue(name, out var found) ? Missing(found, columns) : [new("table", $"there is no table '{name}'")];

    private static IEnumerable<DeclarationFault> Missing(CatalogueTable found, IEnumerable<(string Property, string? Column)> columns) =>
        columns.Where(named => named.Column is not null && !found.Columns.ContainsKey(named.Column)).DistinctBy(named => named.Column)
            .Select(
                named =>
                    new DeclarationFault(
                        named.Property,
                        $"the table {found.Name} has no column '{named.Column}'{NearestName.Hint(named.Column!, found.Columns.Keys)}"));
}
