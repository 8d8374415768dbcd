using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Adoption;

/// <summary>
/// What had been written when an adoption began. A row that was written later may have a vector of the text before, which no comparison of
/// texts would show.
/// </summary>
internal static class AdoptionFence
{
    /// <summary>
    /// The present snapshot, as text. Savepoints and the companion's triggers write under numbers of their own, which a snapshot does not
    /// count among those that are open. Where an open transaction may have written rows of the table so, all numbers from its own on count
    /// as later ones.
    /// </summary>
    public static SqlText Snapshot(ResolvedTable table) =>
        $"""
        (WITH began AS MATERIALIZED (SELECT pg_catalog.pg_current_snapshot() AS snapshot),
         locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks WHERE granted),
         open AS (
             SELECT x FROM began, pg_catalog.pg_snapshot_xip(snapshot) AS x
             WHERE  NOT EXISTS (
                 SELECT FROM locks own
                 WHERE  own.locktype = 'transactionid' AND own.transactionid = x::xid AND own.mode = 'ExclusiveLock'
                 AND    {(table.IsBeside ? WritesNothing(table) : IsElsewhere)})
             ORDER  BY x LIMIT 1
         )
         SELECT COALESCE(
             (SELECT pg_catalog.format(
                  '%s:%s:%s', LEAST(pg_catalog.pg_snapshot_xmin(snapshot)::text::bigint, x::text::bigint), x,
                  (SELECT pg_catalog.string_agg(earlier::text, ',' ORDER BY earlier)
                   FROM   pg_catalog.pg_snapshot_xip(snapshot) AS earlier WHERE earlier < x))
              FROM   open),
             snapshot::text)
         FROM   began)
        """;

    /// <summary>
    /// Whether a row was written after the snapshot, by the transaction that wrote it: 32 bits of a number, the rest of which is the latest
    /// that fits.
    /// </summary>
    /// <param name="row">The row's name.</param>
    /// <param name="snapshot">As <see cref="Snapshot"/> gave it.</param>
    public static SqlText WasWritten(SqlText row, string snapshot)
    {
        var next = Sql.Of($"pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint");
        return
            $"""
            NOT pg_catalog.pg_visible_in_snapshot(
                ({next} - (({next} - {row}.xmin::text::bigint) & 4294967295))::text::xid8, {snapshot}::pg_snapshot)
            """;
    }

    // Beside the rows every write is by a trigger, whose lock on the companion comes before its number. A transaction that still runs and
    // has no such lock has written none.
    private static SqlText WritesNothing(ResolvedTable table) =>
        $"""
        NOT EXISTS (
            SELECT FROM locks write
            WHERE  write.virtualtransaction = own.virtualtransaction AND write.locktype = 'relation'
            AND    write.relation = {Sql.Literal(table.Target.ToString())}::pg_catalog.regclass
            AND    write.mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock'))
        """;

    // In the rows' own table a savepoint may be older than its first write of one.
    private static SqlText IsElsewhere =>
        $"""
        EXISTS (
            SELECT FROM pg_catalog.pg_stat_activity other
            WHERE  other.pid = own.pid AND other.datname IS DISTINCT FROM pg_catalog.current_database())
        """;
}
