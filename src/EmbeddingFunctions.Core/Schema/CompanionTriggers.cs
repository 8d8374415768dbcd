using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The triggers by which a companion table follows its owner's, in the writer's own transaction.</summary>
internal static class CompanionTriggers
{
    private const string EditPurpose = "zzz_embedding_edit";

    // These errors mean that the table was altered since. Any other is raised to the writer, as an edit would pass unnoticed otherwise.
    private const string Altered = "undefined_column OR undefined_table OR undefined_function OR datatype_mismatch OR "
        + "invalid_text_representation OR numeric_value_out_of_range";

    /// <summary>
    /// Updates are looked at row by row before they are written: most change no text, and cost one comparison. Inserts and deletes are
    /// followed once a statement; by rows where a statement on another table may write these, and where a subscription applies them.
    /// </summary>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table)
    {
        var (edit, rows) = (Function(corpus, table, "note_edit"), Function(corpus, table, "note_rows"));
        var byRow = table.Found.IsPartitioned || table.Found.HasParent;
        return
        [
            Function(table, edit, EditBody(corpus, table)),
            Function(table, rows, RowsBody(corpus, table)),
            Trigger(corpus, table, EditPurpose, $"BEFORE UPDATE ON {table.Table} FOR EACH ROW", edit, "ALWAYS"),
            Trigger(corpus, table, "embedding_truncate", $"AFTER TRUNCATE ON {table.Table} FOR EACH STATEMENT", rows, "ALWAYS"),
            Trigger(
                corpus, table, "embedding_insert_row", $"AFTER INSERT ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            Trigger(
                corpus, table, "embedding_delete_row", $"AFTER DELETE ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            .. byRow ? [] : new[]
            {
                Trigger(
                    corpus, table, "embedding_insert",
                    $"AFTER INSERT ON {table.Table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT", rows, ""),
                Trigger(
                    corpus, table, "embedding_delete",
                    $"AFTER DELETE ON {table.Table} REFERENCING OLD TABLE AS removed FOR EACH STATEMENT", rows, ""),
            },
        ];
    }

    /// <summary>The trigger that notes edits: it runs last, because triggers run in the order of their names.</summary>
    public static string EditName(Corpus corpus, ResolvedTable table) => Name(corpus, table, EditPurpose);

    private static string EditBody(Corpus corpus, ResolvedTable table)
    {
        var current = table.WithRow("NEW.");
        var watched = table.KeyColumns.Concat(table.WakingColumns);
        return
            $"""
            DECLARE
                is_edited boolean := true;
            BEGIN
                {TextChange.Assign("is_edited", table, watched)}
                IF is_edited THEN
                    IF NOT ({CompanionTable.SameKey(table, Sql.Of($"OLD."), Sql.Of($"NEW."))}) THEN
                        DELETE FROM {table.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"OLD."))};
                    END IF;
                    IF (true{current.DeclaredFilter}) IS TRUE THEN
                        INSERT INTO {table.Target} AS c ({CompanionTable.Names(table)}) VALUES
                            ({CompanionTable.Values(table, Sql.Of($"NEW."))})
                        {Edited(table)};
                        {Tell(corpus)}
                    ELSE
                        DELETE FROM {table.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"NEW."))};
                    END IF;
                END IF;
                RETURN NEW;
            EXCEPTION WHEN {Altered} THEN
                {Warn}
                BEGIN
                    UPDATE {table.Target} c SET {CompanionTable.Unsettled(table)} WHERE
                        {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"NEW."))};
                EXCEPTION WHEN {Altered} THEN
                    RETURN NEW;
                END;
                RETURN NEW;
            END
            """;
    }

    private static string RowsBody(Corpus corpus, ResolvedTable table)
    {
        string Insert(string rows) =>
            $"""
            INSERT INTO {table.Target} AS c ({CompanionTable.Names(table)})
                    SELECT {CompanionTable.Values(table, Sql.Of($"t."))} FROM {rows} t WHERE (true{table.DeclaredFilter}) IS TRUE
                    {Edited(table)};
            """;
        return
            $"""
            BEGIN
                IF TG_OP = 'INSERT' AND TG_LEVEL = 'STATEMENT' THEN
                    {Insert("added")}
                ELSIF TG_OP = 'INSERT' THEN
                    {Insert("(SELECT NEW.*)")}
                ELSIF TG_OP = 'DELETE' AND TG_LEVEL = 'STATEMENT' THEN
                    DELETE FROM {table.Target} c USING removed o WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"o."))};
                ELSIF TG_OP = 'DELETE' THEN
                    DELETE FROM {table.Target} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"OLD."))};
                ELSE
                    DELETE FROM {table.Target};
                END IF;
                {(corpus.Trigger ? $"IF TG_OP = 'INSERT' THEN\n        {NotifyTriggerDdl.Notify(corpus)};\n    END IF;" : "")}
                RETURN NULL;
            EXCEPTION WHEN {Altered} THEN
                {Warn}
                RETURN NULL;
            END
            """;
    }

    private const string Warn = "RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, "
        + "SQLERRM;";

    private static string Tell(Corpus corpus) => corpus.Trigger ? $"{NotifyTriggerDdl.Notify(corpus)};" : "";

    private static string Edited(ResolvedTable table) =>
        $"ON CONFLICT ({string.Join(", ", table.KeyColumns.Select(Sql.Identifier))}) DO UPDATE SET {CompanionTable.Unsettled(table)}"
            + string.Concat(
                table.Copied.Except(table.KeyColumns).Select(Sql.Identifier).Select(column => $", {column} = EXCLUDED.{column}"));

    private static string Function(Corpus corpus, ResolvedTable table, string purpose) =>
        ObjectNames.Function($"{purpose}_{corpus.Name}", table.Holder with { Name = table.Kind });

    private static SchemaObject Function(ResolvedTable table, string function, string body) =>
        new(ObjectKind.Function, table.Holder.Schema, "", $"{function}()",
            $"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {Sql.SafePath} AS "
                + $"{Sql.Literal(body)}");

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
