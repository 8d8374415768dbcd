using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The table of the keys that <see cref="FollowingTriggers"/> note, one row for each write of an owner's row, and the functions that read
/// it. They act with the rights of the role that migrated: others may not read the table.
/// </summary>
internal static class ChangesDdl
{
    /// <summary>Whether an object is such a table.</summary>
    public static bool Is(ObjectKey key) =>
        key.Kind == ObjectKind.Table && key.Name.StartsWith(RowFollower.ChangesPurpose, StringComparison.Ordinal);

    // Deletes are replicated by all columns, as there is no key: a row that is written twice is noted twice, and no writer waits.
    public static SchemaObject Table(RowFollower follower)
    {
        var table = follower.Source;
        var columns = table.KeyColumns.Select(key => $"{Sql.Identifier(key)} {table.Found.Columns[key].Definition} NOT NULL");
        return new(
            ObjectKind.Table, follower.Holder.Schema, "", follower.ChangesName,
            $"CREATE TABLE {follower.Changes} ({string.Join(", ", columns)})")
        {
            // The time is behind the keys, so that who notes these writes them alone; of what was noted before, it is not known.
            Finish =
                $"""
                ALTER TABLE {follower.Changes} ENABLE ROW LEVEL SECURITY;
                ALTER TABLE {follower.Changes} REPLICA IDENTITY FULL;
                ALTER TABLE {follower.Changes} ADD COLUMN IF NOT EXISTS {RowFollower.NotedAt} timestamptz;
                ALTER TABLE {follower.Changes} ALTER COLUMN {RowFollower.NotedAt} SET DEFAULT pg_catalog.clock_timestamp()
                """,
        };
    }

    /// <summary>After key columns of the owner's table have another type.</summary>
    public static IEnumerable<string> Retype(RowFollower follower, IReadOnlyList<string> columns) =>
        follower.Source.KeyColumns.Intersect(columns)
            .Select(key => (Name: Sql.Identifier(key), Type: follower.Source.Found.Columns[key])).Select(
                key => $"ALTER TABLE IF EXISTS {follower.Changes} ALTER COLUMN {key.Name} TYPE {key.Type.Definition} "
                    + $"USING {key.Name}::text::{key.Type.SqlType}");

    public static SchemaObject Index(RowFollower follower) => CorpusDdl.Index(
        new CatalogueTable(follower.Holder.Schema, follower.ChangesName, 'r', follower.Source.Found.Columns),
        ObjectNames.Name("embedding_keys", follower.Holder), $"({CompanionTable.KeysOf(follower.Source, Sql.Empty)})");

    /// <summary>Whether a row was written since its vector was brought up to date; the key's columns as text.</summary>
    public static SchemaObject IsChanged(RowFollower follower)
    {
        var table = follower.Source;
        var isSame = table.KeyColumns.Select((key, i) => Sql.Of(
            $"x.{Sql.Identifier(key)} {table.Found.Columns[key].Is} ($1)[{Sql.Literal(i + 1)}]::{table.Found.Columns[key].SqlType}"));
        return Function(
            follower, $"{table.IsChangedFunction}(text[])", "boolean", "STABLE",
            $"BEGIN RETURN EXISTS (SELECT FROM {follower.Changes} x WHERE {Sql.Join(" AND ", isSame)}); END");
    }

    /// <summary>
    /// Brings the follower to what the owner's table holds, for at most so many of the rows that were noted behind a place. Rows that
    /// others are writing are left for later, so that no statement waits for another.
    /// </summary>
    public static SchemaObject Settle(RowFollower follower)
    {
        var (table, k, c, t) = (follower.Source, Sql.Of($"k."), Sql.Of($"c."), Sql.Of($"t."));
        var keys = CompanionTable.KeysOf(table, Sql.Empty);
        var filter = follower.FilterOf(table);
        var isTaken = Sql.Of($"EXISTS (SELECT FROM {table.Table} t WHERE {CompanionTable.SameKey(table, t, k)}{filter})");
        // A role from whom a policy hides rows cannot tell those from rows that are gone.
        return Function(
            follower, $"{follower.SettleFunction}(tid, integer)", "tid", $"VOLATILE {ByIndex}",
            $"""
            #variable_conflict use_column
            DECLARE
                last_place tid;
            BEGIN
                IF NOT EXISTS (SELECT FROM {follower.Changes}) OR pg_catalog.current_setting('transaction_read_only')::boolean THEN
                    RETURN NULL;
                END IF;
                WITH noted AS MATERIALIZED (
                    SELECT x.ctid AS embedding_place, {CompanionTable.KeysOf(table, Sql.Of($"x."))}, x.{RowFollower.NotedAt}
                    FROM  {follower.Changes} x
                    WHERE  x.ctid > $1 LIMIT $2 FOR UPDATE SKIP LOCKED
                ),
                free AS MATERIALIZED (
                    SELECT {CompanionTable.KeysOf(table, c)} FROM {follower.Target} c
                    WHERE  EXISTS (SELECT FROM noted k WHERE {CompanionTable.SameKey(table, c, k)})
                    FOR    NO KEY UPDATE SKIP LOCKED
                ),
                taken AS (
                    DELETE FROM {follower.Changes} x USING noted k
                    WHERE  x.ctid = k.embedding_place
                    AND   (EXISTS (SELECT FROM free c WHERE {CompanionTable.SameKey(table, c, k)})
                           OR NOT EXISTS (SELECT FROM {follower.Target} c WHERE {CompanionTable.SameKey(table, c, k)}))
                    AND   (NOT pg_catalog.row_security_active({Sql.Literal(table.QuotedName)}::pg_catalog.regclass) OR {isTaken})
                    RETURNING {CompanionTable.KeysOf(table, k)}, k.{RowFollower.NotedAt}
                ),
                items AS MATERIALIZED (SELECT {keys}, min({RowFollower.NotedAt}) AS {RowFollower.NotedAt} FROM taken GROUP BY {keys}),
                gone AS (
                    DELETE FROM {follower.Target} c USING items k WHERE {CompanionTable.SameKey(table, c, k)} AND NOT {isTaken}
                ),
                kept AS (
                    INSERT INTO {follower.Target} AS c ({follower.Columns})
                    SELECT {follower.Values} FROM {table.Table} t JOIN items k ON {CompanionTable.SameKey(table, t, k)}
                    WHERE  (true{filter}) IS TRUE
                    ORDER  BY {CompanionTable.KeysOf(table, t)}
                    ON CONFLICT ({keys}) DO UPDATE SET {follower.Replacement}
                )
                SELECT max(embedding_place) FROM noted INTO last_place;
                RETURN last_place;
            END
            """);
    }

    // Whatever the planner believes of a table that is empty most of the time, no companion is read as a whole. A wait is shorter than
    // Postgres's before it ends one of two that wait for each other.
    private const string ByIndex = "SET enable_seqscan = off SET plan_cache_mode = force_custom_plan SET lock_timeout = '500ms'";

    /// <summary>A function that reads the table of changes with the rights of the role that migrated.</summary>
    public static SchemaObject Function(RowFollower follower, string signature, string returns, string how, SqlText body) =>
        new(ObjectKind.Function, follower.Holder.Schema, "", signature,
            $"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE plpgsql {how} SECURITY DEFINER {Sql.SafePath} AS "
                + $"{Sql.Literal(body.ToString())}");
}
