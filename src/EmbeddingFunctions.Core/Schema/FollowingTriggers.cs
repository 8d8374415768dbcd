using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The triggers by which a table follows its owner's, in the writer's own transaction.</summary>
internal static class FollowingTriggers
{
    /// <summary>
    /// These errors mean that the table was altered since. Any other is raised to the writer, as an edit would pass unnoticed otherwise.
    /// </summary>
    public const string Altered = "undefined_column OR undefined_table OR undefined_function OR datatype_mismatch OR "
        + "invalid_text_representation OR numeric_value_out_of_range";

    private const string Warn = "RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, "
        + "SQLERRM;";

    /// <summary>
    /// They only note which rows were written, so that no write of the owner's waits for an index or for a lock; what is kept of rows that
    /// are gone, or that the declaration takes no more, is removed at once. Updates are looked at row by row: most change no text, and cost
    /// one comparison. Inserts and deletes are noted once a statement; by rows where a statement on another table may write these, and
    /// where a subscription applies them.
    /// </summary>
    /// <param name="corpus">The name that the triggers have.</param>
    /// <param name="follower">What follows.</param>
    /// <param name="prefix">Begins the triggers' names.</param>
    /// <param name="notify">Tells hosts that there is work, as PL/pgSQL; or empty.</param>
    public static IEnumerable<SchemaObject> Objects(string corpus, RowFollower follower, string prefix, string notify)
    {
        var (table, byRow) = (follower.Source, follower.Source.Found.IsPartitioned || follower.Source.Found.HasParent);
        SchemaObject Trigger(string purpose, string on, string function, string enabled = "")
        {
            var name = ObjectNames.Name($"{purpose}_{corpus}", table.Found with { Name = table.Kind });
            var enable = enabled == "" ? "" : $";\nALTER TABLE {table.Table} ENABLE {enabled} TRIGGER {Sql.Identifier(name)}";
            return new(
                ObjectKind.Trigger, table.Schema, table.Name, name,
                $"CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} {on} EXECUTE FUNCTION {function}(){enable}");
        }

        var (edit, rows) = (follower.EditFunction, follower.RowsFunction);
        return
        [
            Function(follower.Holder.Schema, edit, EditBody(follower, notify)),
            Function(follower.Holder.Schema, rows, RowsBody(follower, notify)),
            Trigger($"zzz_{prefix}_edit", $"AFTER UPDATE ON {table.Table} FOR EACH ROW", edit, "ALWAYS"),
            Trigger($"{prefix}_truncate", $"AFTER TRUNCATE ON {table.Table} FOR EACH STATEMENT", rows, "ALWAYS"),
            Trigger($"{prefix}_insert_row", $"AFTER INSERT ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            Trigger($"{prefix}_delete_row", $"AFTER DELETE ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            .. byRow ? [] : new[]
            {
                Trigger(
                    $"{prefix}_insert", $"AFTER INSERT ON {table.Table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT", rows),
                Trigger(
                    $"{prefix}_delete", $"AFTER DELETE ON {table.Table} REFERENCING OLD TABLE AS removed FOR EACH STATEMENT", rows),
            },
        ];
    }

    // What can fail is done first, in a block without a write: a block that writes takes a transaction number of its own for each row.
    private static string EditBody(RowFollower follower, string notify)
    {
        var table = follower.Source;
        var keys = table.KeyColumns.Select((key, i) => (
            Column: Sql.Identifier(key), table.Found.Columns[key].SqlType, table.Found.Columns[key].Is, Old: $"old_key_{i}",
            New: $"new_key_{i}")).ToList();
        var isOld = string.Join(" AND ", keys.Select(key => $"c.{key.Column} {key.Is} {key.Old}"));
        var isNew = string.Join(" AND ", keys.Select(key => $"c.{key.Column} {key.Is} {key.New}"));
        var isSame = string.Join(" AND ", keys.Select(key => $"{key.Old} {key.Is} {key.New}"));
        var areKnown = string.Join(" AND ", keys.Select(key => $"{key.New} IS NOT NULL"));
        // A table that was dropped by hand, or was left out of a dump.
        var isThere = $"pg_catalog.to_regclass({Sql.Literal(follower.Changes.ToString())}) IS NOT NULL";
        var declared = keys.Select(key => $"{key.Old} {key.SqlType}; {key.New} {key.SqlType};");
        var assigned = keys.Select(key => $"{key.Old} := OLD.{key.Column}; {key.New} := NEW.{key.Column};");
        return
            $"""
            #variable_conflict use_variable
            DECLARE
                is_edited boolean := true;
                is_taken boolean := true;
                {string.Join("\n    ", declared)}
            BEGIN
                BEGIN
                    {string.Join("\n        ", assigned)}
                    {TextChange.Assign("is_edited", table, follower.Watched)}
                    IF is_edited THEN
                        is_taken := (true{follower.FilterOf(table.WithRow("NEW."))}) IS TRUE;
                        IF NOT ({isThere}) THEN
                            RAISE undefined_table USING MESSAGE = 'the table of changes is gone';
                        END IF;
                    END IF;
                EXCEPTION WHEN {Altered} THEN
                    {Warn}
                    is_edited := {areKnown} AND {isThere};
                END;
                IF is_edited THEN
                    IF NOT ({isSame}) THEN
                        DELETE FROM {follower.Target} c WHERE {isOld};
                        INSERT INTO {follower.Changes} VALUES ({string.Join(", ", keys.Select(key => key.Old))});
                    END IF;
                    IF NOT is_taken THEN
                        DELETE FROM {follower.Target} c WHERE {isNew};
                    END IF;
                    INSERT INTO {follower.Changes} VALUES ({string.Join(", ", keys.Select(key => key.New))});
                    {notify}
                END IF;
                RETURN NEW;
            END
            """;
    }

    private static string RowsBody(RowFollower follower, string notify)
    {
        var table = follower.Source;
        var keys = CompanionTable.KeysOf(table, Sql.Of($"t."));
        string Note(string rows) =>
            $"INSERT INTO {follower.Changes} SELECT {keys} FROM {rows} t WHERE (true{follower.FilterOf(table)}) IS TRUE;";
        return
            $"""
            BEGIN
                IF TG_OP = 'INSERT' AND TG_LEVEL = 'STATEMENT' THEN
                    {Note("added")}
                ELSIF TG_OP = 'INSERT' THEN
                    {Note("(SELECT NEW.*)")}
                ELSIF TG_OP = 'DELETE' AND TG_LEVEL = 'STATEMENT' THEN
                    DELETE FROM {follower.Target} c USING removed o WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"o."))};
                    {Note("removed")}
                ELSIF TG_OP = 'DELETE' THEN
                    DELETE FROM {follower.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"OLD."))};
                    {Note("(SELECT OLD.*)")}
                ELSE
                    DELETE FROM {follower.Target};
                    DELETE FROM {follower.Changes};
                END IF;
                {(notify == "" ? "" : $"IF TG_OP = 'INSERT' THEN\n        {notify}\n    END IF;")}
                RETURN NULL;
            EXCEPTION WHEN {Altered} THEN
                {Warn}
                RETURN NULL;
            END
            """;
    }

    // A function for triggers of this role alone: on a table of another it would empty what it follows.
    private static SchemaObject Function(string schema, string function, string body) =>
        new(ObjectKind.Function, schema, "", $"{function}()",
            $"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {Sql.SafePath} AS "
                + $"{Sql.Literal(body)};\nREVOKE EXECUTE ON FUNCTION {function}() FROM PUBLIC");
}
