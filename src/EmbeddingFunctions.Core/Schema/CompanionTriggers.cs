using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The triggers by which a companion table follows its owner's, in the writer's own transaction.</summary>
internal static class CompanionTriggers
{
    /// <summary>
    /// These errors mean that the table was altered since. Any other is raised to the writer, as an edit would pass unnoticed otherwise.
    /// </summary>
    public const string Altered = "undefined_column OR undefined_table OR undefined_function OR datatype_mismatch OR "
        + "invalid_text_representation OR numeric_value_out_of_range";

    /// <summary>
    /// They only note which rows were written, so that no write of the owner's waits for an index over vectors or for a lock; vectors of
    /// rows that are gone, or that the declaration takes no more, are removed at once. Updates are looked at row by row: most change no
    /// text, and cost one comparison. Inserts and deletes are noted once a statement; by rows where a statement on another table may write
    /// these, and where a subscription applies them.
    /// </summary>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table)
    {
        var (edit, rows) = (Function(corpus, table, "note_edit"), Function(corpus, table, "note_rows"));
        return
        [
            Function(table.Holder.Schema, edit, EditBody(corpus, table)),
            Function(table.Holder.Schema, rows, RowsBody(corpus, table)),
            .. Triggers(corpus, table, "embedding", edit, rows),
        ];
    }

    /// <summary>Those of whatever follows the owner's rows.</summary>
    /// <param name="corpus">The corpus.</param>
    /// <param name="table">The owner's table.</param>
    /// <param name="prefix">Begins their names.</param>
    /// <param name="edit">The function that an update calls, as SQL writes it.</param>
    /// <param name="rows">The function that everything else calls.</param>
    public static IEnumerable<SchemaObject> Triggers(Corpus corpus, ResolvedTable table, string prefix, string edit, string rows)
    {
        var byRow = table.Found.IsPartitioned || table.Found.HasParent;
        return
        [
            Trigger(corpus, table, $"zzz_{prefix}_edit", $"AFTER UPDATE ON {table.Table} FOR EACH ROW", edit, "ALWAYS"),
            Trigger(corpus, table, $"{prefix}_truncate", $"AFTER TRUNCATE ON {table.Table} FOR EACH STATEMENT", rows, "ALWAYS"),
            Trigger(
                corpus, table, $"{prefix}_insert_row", $"AFTER INSERT ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            Trigger(
                corpus, table, $"{prefix}_delete_row", $"AFTER DELETE ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            .. byRow ? [] : new[]
            {
                Trigger(
                    corpus, table, $"{prefix}_insert",
                    $"AFTER INSERT ON {table.Table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT", rows, ""),
                Trigger(
                    corpus, table, $"{prefix}_delete",
                    $"AFTER DELETE ON {table.Table} REFERENCING OLD TABLE AS removed FOR EACH STATEMENT", rows, ""),
            },
        ];
    }

    // What can fail is done first, in a block without a write: a block that writes takes a transaction number of its own for each row.
    private static string EditBody(Corpus corpus, ResolvedTable table)
    {
        var current = table.WithRow("NEW.");
        var keys = table.KeyColumns.Select((key, i) => (
            Column: Sql.Identifier(key), table.Found.Columns[key].SqlType, table.Found.Columns[key].Is, Old: $"old_key_{i}",
            New: $"new_key_{i}")).ToList();
        var isOld = string.Join(" AND ", keys.Select(key => $"c.{key.Column} {key.Is} {key.Old}"));
        var isNew = string.Join(" AND ", keys.Select(key => $"c.{key.Column} {key.Is} {key.New}"));
        var isSame = string.Join(" AND ", keys.Select(key => $"{key.Old} {key.Is} {key.New}"));
        var areKnown = string.Join(" AND ", keys.Select(key => $"{key.New} IS NOT NULL"));
        // A table that was dropped by hand, or was left out of a dump.
        var isThere = $"pg_catalog.to_regclass({Sql.Literal(table.Changes.ToString())}) IS NOT NULL";
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
                    {TextChange.Assign("is_edited", table, table.KeyColumns.Concat(table.WakingColumns))}
                    IF is_edited THEN
                        is_taken := (true{current.DeclaredFilter}) IS TRUE;
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
                        DELETE FROM {table.Target} c WHERE {isOld};
                        INSERT INTO {table.Changes} VALUES ({string.Join(", ", keys.Select(key => key.Old))});
                    END IF;
                    IF NOT is_taken THEN
                        DELETE FROM {table.Target} c WHERE {isNew};
                    END IF;
                    INSERT INTO {table.Changes} VALUES ({string.Join(", ", keys.Select(key => key.New))});
                    {Tell(corpus)}
                END IF;
                RETURN NEW;
            END
            """;
    }

    private static string RowsBody(Corpus corpus, ResolvedTable table)
    {
        var keys = CompanionTable.KeysOf(table, Sql.Of($"t."));
        string Note(string rows) =>
            $"INSERT INTO {table.Changes} SELECT {keys} FROM {rows} t WHERE (true{table.DeclaredFilter}) IS TRUE;";
        return
            $"""
            BEGIN
                IF TG_OP = 'INSERT' AND TG_LEVEL = 'STATEMENT' THEN
                    {Note("added")}
                ELSIF TG_OP = 'INSERT' THEN
                    {Note("(SELECT NEW.*)")}
                ELSIF TG_OP = 'DELETE' AND TG_LEVEL = 'STATEMENT' THEN
                    DELETE FROM {table.Target} c USING removed o WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"o."))};
                    {Note("removed")}
                ELSIF TG_OP = 'DELETE' THEN
                    DELETE FROM {table.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"OLD."))};
                    {Note("(SELECT OLD.*)")}
                ELSE
                    DELETE FROM {table.Target};
                    DELETE FROM {table.Changes};
                END IF;
                {(corpus.Trigger ? $"IF TG_OP = 'INSERT' THEN\n        {NotifyTriggerDdl.Notify(corpus)};\n    END IF;" : "")}
                RETURN NULL;
            EXCEPTION WHEN {Altered} THEN
                {Warn}
                RETURN NULL;
            END
            """;
    }

    public const string Warn = "RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, "
        + "SQLERRM;";

    private static string Tell(Corpus corpus) => corpus.Trigger ? $"{NotifyTriggerDdl.Notify(corpus)};" : "";

    private static string Function(Corpus corpus, ResolvedTable table, string purpose) =>
        ObjectNames.Function($"{purpose}_{corpus.Name}", table.Holder with { Name = table.Kind });

    /// <summary>A function for triggers of this role alone: on a table of another it would empty what it follows.</summary>
    public static SchemaObject Function(string schema, string function, string body) =>
        new(ObjectKind.Function, schema, "", $"{function}()",
            $"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {Sql.SafePath} AS "
                + $"{Sql.Literal(body)};\nREVOKE EXECUTE ON FUNCTION {function}() FROM PUBLIC");

    private static SchemaObject Trigger(Corpus corpus, ResolvedTable table, string purpose, string on, string function, string enabled)
    {
        var name = Name(corpus, table, purpose);
        var enable = enabled == "" ? "" : $";\nALTER TABLE {table.Table} ENABLE {enabled} TRIGGER {Sql.Identifier(name)}";
        return new(
            ObjectKind.Trigger, table.Schema, table.Name, name,
            $"CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} {on} EXECUTE FUNCTION {function}(){enable}");
    }

    private static string Name(Corpus corpus, ResolvedTable table, string purpose) =>
        ObjectNames.Name($"{purpose}_{corpus.Name}", table.Found with { Name = table.Kind });
}
