using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>A corpus's view of its pending items.</summary>
internal static class PendingViewDdl
{
    /// <summary>It shows a person the rows of the tables that the person may see.</summary>
    public static SchemaObject View(ResolvedCorpus corpus, PendingView view)
    {
        var (schema, name) = corpus.Schemas.Of(view.Name);
        return new(ObjectKind.View, schema, "", name,
            $"""
            CREATE OR REPLACE VIEW {Sql.Identifier(schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS
            SELECT * FROM (
            {string.Join("\nUNION ALL\n", corpus.Tables.Select(table => Select(corpus, table, view)))}
            ) items
            ORDER BY priority_score DESC{Newest(corpus, view)}
            """);
    }

    private static string Select(ResolvedCorpus corpus, ResolvedTable table, PendingView view)
    {
        var columns = view.Columns.Select(column => $"{Column(corpus, table, column)} AS {Sql.Identifier(column)}, ");
        return
            $"""
            SELECT {Sql.Literal(table.Kind)}::text AS item_type, {table.Id}::text AS id, {string.Concat(columns)}
                   {table.Column(table.Own.GeneratedAt)} AS embedding_generated_at, {table.Hash} AS content_hash, {table.Priority} AS
                       priority_score
            FROM   {table.Items} t
            WHERE  {table.Pending} {corpus.AndIsActive(table)}
            """;
    }

    // Columns of one name may have types that cannot stand under one another.
    private static SqlText Column(ResolvedCorpus corpus, ResolvedTable table, string column)
    {
        var types = corpus.Tables.Select(t => t.Found.Columns[column].Type).Distinct().ToList();
        return types.Count == 1 ? table.Column(column)
            : types.TrueForAll(ResolvedTable.IsMoment) ? table.Moment(column)
            : Sql.Of($"{table.Column(column)}::text");
    }

    private static string Newest(ResolvedCorpus corpus, PendingView view) =>
        corpus.Corpus.Tables.Select(table => table.ChangedAt).Distinct().ToList() is [{ } changedAt] && view.Columns.Contains(changedAt)
            ? $", {Sql.Identifier(changedAt)} DESC"
            : "";
}
