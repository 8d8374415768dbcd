using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Finds rows that came, changed or went in sources that can have no triggers: views, materialized views and foreign tables.
/// </summary>
internal sealed class SourceSweep(NpgsqlDataSource database)
{
    /// <summary>Brings the companions of a corpus's sources to what the sources hold now; sources with triggers need none of it.</summary>
    public async Task Sweep(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        foreach (var table in corpus.Tables.Where(table => table is { IsBeside: true, HasTriggers: false }))
        {
            await database.ExecuteAsync(AddNew(table), cancellation, Sql.TimeoutOfCounts);
            await database.ExecuteAsync(NoteChanged(table), cancellation, Sql.TimeoutOfCounts);
            await database.ExecuteAsync(CompanionTable.RemoveOrphans(table), cancellation, Sql.TimeoutOfCounts);
        }
    }

    // A source may have a key twice; one of its rows is the item.
    private static SqlText AddNew(ResolvedTable table) =>
        $"""
        INSERT INTO {table.Target} ({CompanionTable.Names(table)}, {CompanionTable.SeenName})
        SELECT DISTINCT ON ({Keys(table)}) {CompanionTable.Values(table, Sql.Of($"t."))}, {CompanionTable.Seen(table)}
        FROM   {table.Table} t
        WHERE  (true{table.DeclaredFilter}) IS TRUE AND ({Keys(table)}) IS NOT NULL
        AND    NOT EXISTS (SELECT FROM {table.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"t."))})
        ON CONFLICT DO NOTHING
        """;

    private static SqlText NoteChanged(ResolvedTable table) =>
        $"""
        UPDATE {table.Target} c
        SET    {CompanionTable.Unsettled(table)}, {CompanionTable.SeenName} = {CompanionTable.Seen(table)}{Sql.Join("", Copies(table))}
        FROM   {table.Table} t
        WHERE  {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"t."))}
        AND    c.{CompanionTable.SeenName} IS DISTINCT FROM {CompanionTable.Seen(table)}
        """;

    private static IEnumerable<SqlText> Copies(ResolvedTable table) =>
        table.Copied.Except(table.KeyColumns).Select(Sql.Identifier).Select(column => Sql.Of($", {column} = t.{column}"));

    private static SqlText Keys(ResolvedTable table) =>
        Sql.Join(", ", table.KeyColumns.Select(key => Sql.Of($"t.{Sql.Identifier(key)}")));
}
