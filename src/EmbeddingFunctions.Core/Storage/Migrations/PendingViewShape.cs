using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>A corpus's view of its pending items.</summary>
internal static class PendingViewShape
{
    public static string Create(BoundCorpus corpus, PendingView view) =>
        $"""
        CREATE OR REPLACE VIEW {Name(view)} AS
        SELECT * FROM (
        {string.Join("\nUNION ALL\n", corpus.Tables.Select(table => Select(corpus, table, view)))}
        ) items
        ORDER BY priority_score DESC{Newest(corpus, view)}
        """;

    /// <summary>Puts the new view in the old one's place, where what others built on it and their rights stay; drops the old one if its columns differ.</summary>
    /// <exception cref="CorpusException">The name is taken, or something depends on the columns that go.</exception>
    public static async Task Replace(NpgsqlConnection connection, NpgsqlTransaction transaction, BoundCorpus corpus, PendingView view, CancellationToken cancellation)
    {
        const string Before = "view";
        await transaction.SaveAsync(Before, cancellation);
        try
        {
            await Run(connection, Create(corpus, view), cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidTableDefinition)
        {
            await transaction.RollbackAsync(Before, cancellation);
            await Run(connection, $"DROP VIEW {Name(view)}; {Create(corpus, view)}", cancellation);
        }
    }

    // The name may begin with a schema, as tables' names may.
    public static string Name(PendingView view) => string.Join('.', view.Name.Split('.', 2).Select(Sql.Identifier));

    private static string Select(BoundCorpus corpus, BoundTable table, PendingView view)
    {
        var columns = view.Columns.Select(column => $"{Column(corpus, table, column)} AS {Sql.Identifier(column)}, ");
        var active = corpus.ActivePartitions is null ? "" : $"AND {table.Partition} IN ({corpus.ActivePartitions})";
        return
            $"""
            SELECT {Sql.Literal(table.Kind)}::text AS item_type, {table.Id}::text AS id, {string.Concat(columns)}
                   t."embedding_generated_at", t."content_hash"::text, {table.Priority} AS priority_score
            FROM   {table.Table} t
            WHERE  {table.Pending} {active}
            """;
    }

    // Columns of one name may have types that cannot stand under one another.
    private static string Column(BoundCorpus corpus, BoundTable table, string column)
    {
        var types = corpus.Tables.Select(t => t.Found.Columns[column].Type).Distinct().ToList();
        return types.Count == 1 ? table.Column(column)
            : types.TrueForAll(BoundTable.IsMoment) ? table.Moment(column)
            : $"{table.Column(column)}::text";
    }

    private static string Newest(BoundCorpus corpus, PendingView view) =>
        corpus.Corpus.Tables.Select(table => table.ChangedAt).Distinct().ToList() is [{ } changedAt] && view.Columns.Contains(changedAt)
            ? $", {Sql.Identifier(changedAt)} DESC"
            : "";

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        try
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DependentObjectsStillExist or PostgresErrorCodes.WrongObjectType)
        {
            throw new CorpusException($"The pending view cannot be made ({e.MessageText}): drop what is in the way, or declare another name for it.");
        }
    }
}
