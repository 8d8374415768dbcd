using System.Collections.Concurrent;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Finds rows that came, changed or went in sources that can have no triggers: views, materialized views and foreign tables; and those of
/// partitions that were attached, detached or truncated, which fires no trigger of the partitioned table.
/// </summary>
internal sealed class SourceSweep(NpgsqlDataSource database, SourceChanges changes)
{
    // Another one when a partition comes or goes, or is truncated.
    private static SqlText FindPartitions(ResolvedTable table) =>
        $"""
        SELECT pg_catalog.string_agg(relid::pg_catalog.oid || ':' || pg_catalog.pg_relation_filenode(relid), ',' ORDER BY relid)
        FROM   pg_catalog.pg_partition_tree({Sql.Literal(table.QuotedName)}::pg_catalog.regclass) WHERE isleaf
        """;

    private readonly ConcurrentDictionary<string, string> _partitions = new();

    /// <summary>Brings the companions of a corpus's sources to what the sources hold now.</summary>
    public async Task Sweep(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        await changes.Settle(corpus, cancellation);
        foreach (var table in corpus.Tables.Where(table => table.IsBeside && (!table.HasTriggers || table.Found.IsPartitioned)))
        {
            var partitions = table.HasTriggers ? await database.ScalarAsync<string>(FindPartitions(table), cancellation) ?? "" : null;
            if (partitions is not null && _partitions.GetValueOrDefault(table.Target.ToString()) == partitions)
            {
                continue;
            }

            await database.ExecuteAsync(AddNew(table), cancellation, Sql.TimeoutOfCounts);
            if (!table.HasTriggers)
            {
                await database.ExecuteAsync(NoteChanged(table), cancellation, Sql.TimeoutOfCounts);
            }

            await database.ExecuteAsync(CompanionTable.RemoveOrphans(table), cancellation, Sql.TimeoutOfCounts);
            if (partitions is not null)
            {
                _partitions[table.Target.ToString()] = partitions;
            }
        }
    }

    // A source may have a key twice; one of its rows is the item.
    public static SqlText AddNew(ResolvedTable table) =>
        $"""
        INSERT INTO {table.Target} ({CompanionTable.Names(table)}{Sql.When(!table.HasTriggers, $", {CompanionTable.SeenName}")})
        SELECT DISTINCT ON ({CompanionTable.KeysOf(table, Sql.Of($"t."))}) {CompanionTable.Values(table, Sql.Of($"t."))}
               {Sql.When(!table.HasTriggers, $", {CompanionTable.Seen(table)}")}
        FROM   {table.Table} t
        WHERE  (true{table.DeclaredFilter}) IS TRUE AND ({CompanionTable.KeysOf(table, Sql.Of($"t."))}) IS NOT NULL
        AND    NOT EXISTS (SELECT FROM {table.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"t."))})
        ON CONFLICT DO NOTHING
        """;

    private static SqlText NoteChanged(ResolvedTable table) =>
        $"""
        UPDATE {table.Target} c
        SET    {CompanionTable.Unsettled(table, Sql.Of($"NULL"))},
               {CompanionTable.SeenName} = {CompanionTable.Seen(table)}{Sql.Join("", Copies(table))}
        FROM   {table.Table} t
        WHERE  {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"t."))}
        AND    c.{CompanionTable.SeenName} IS DISTINCT FROM {CompanionTable.Seen(table)}
        """;

    private static IEnumerable<SqlText> Copies(ResolvedTable table) =>
        table.Copied.Except(table.KeyColumns).Select(Sql.Identifier).Select(column => Sql.Of($", {column} = t.{column}"));
}
