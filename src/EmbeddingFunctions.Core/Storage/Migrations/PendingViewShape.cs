using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>A corpus's view of its pending items.</summary>
internal static class PendingViewShape
{
    /// <summary>It shows a person the rows of the tables that the person may see.</summary>
    public static Part Part(BoundCorpus corpus, PendingView view)
    {
        var (schema, name) = view.Name.Split('.', 2) is [var first, var second]
            ? (first, second)
            : (corpus.Tables[0].Schemas.Engine, view.Name);
        return new(PartKind.View, schema, "", name,
            $"""
            CREATE OR REPLACE VIEW {Sql.Identifier(schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS
            SELECT * FROM (
            {string.Join("\nUNION ALL\n", corpus.Tables.Select(table => Select(corpus, table, view)))}
            ) items
            ORDER BY priority_score DESC{Newest(corpus, view)}
            """);
    }

    private static string Select(BoundCorpus corpus, BoundTable table, PendingView view)
    {
        var columns = view.Columns.Select(column => $"{Column(corpus, table, column)} AS {Sql.Identifier(column)}, ");
        return
            $"""
            SELECT {Sql.Literal(table.Kind)}::text AS item_type, {table.Id}::text AS id, {string.Concat(columns)}
                   {table.Column(table.Own.GeneratedAt)} AS embedding_generated_at, {table.Hash} AS content_hash, {table.Priority} AS
                       priority_score
            FROM   {table.Table} t
            WHERE  {table.Pending} {corpus.AndIsActive(table)}
            """;
    }

    // Columns of one name may have types that cannot stand under one another.
    private static SqlText Column(BoundCorpus corpus, BoundTable table, string column)
    {
        var types = corpus.Tables.Select(t => t.Found.Columns[column].Type).Distinct().ToList();
        return types.Count == 1 ? table.Column(column)
            : types.TrueForAll(BoundTable.IsMoment) ? table.Moment(column)
            : Sql.Of($"{table.Column(column)}::text");
    }

    private static string Newest(BoundCorpus corpus, PendingView view) =>
        corpus.Corpus.Tables.Select(table => table.ChangedAt).Distinct().ToList() is [{ } changedAt] && view.Columns.Contains(changedAt)
            ? $", {Sql.Identifier(changedAt)} DESC"
            : "";
}
