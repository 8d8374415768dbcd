using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>Triggers by which a table of the engine's follows an owner's, in the writer's own transaction.</summary>
internal static class FollowingTriggers
{
    public const string EditPurpose = "zzz_embedding_edit";

    /// <summary>
    /// These errors mean that the table was altered since. Any other is raised to the writer, as an edit would pass unnoticed otherwise.
    /// </summary>
    public const string Altered = "undefined_column OR undefined_table OR undefined_function OR datatype_mismatch OR "
        + "invalid_text_representation OR numeric_value_out_of_range";

    public const string Warn = "RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, "
        + "SQLERRM;";

    /// <summary>
    /// Updates are looked at row by row before they are written: most change no text, and cost one comparison. Inserts and deletes are
    /// followed once a statement; by rows where a statement on another table may write these, and where a subscription applies them.
    /// </summary>
    /// <param name="corpus">The corpus.</param>
    /// <param name="table">The owner's table.</param>
    /// <param name="part">Tells the triggers from those of another table that follows it; empty for the companion's.</param>
    /// <param name="edit">The function that an update calls, as SQL writes it.</param>
    /// <param name="rows">The function that everything else calls.</param>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table, string part, string edit, string rows)
    {
        var byRow = table.Found.IsPartitioned || table.Found.HasParent;
        SchemaObject Trigger(string purpose, string on, string function, string enabled) =>
            FollowingTriggers.Trigger(corpus, table, purpose, $"{on} EXECUTE FUNCTION {function}()", enabled);
        return
        [
            Trigger(Edit(part), $"BEFORE UPDATE ON {table.Table} FOR EACH ROW", edit, "ALWAYS"),
            Trigger($"embedding_{part}truncate", $"AFTER TRUNCATE ON {table.Table} FOR EACH STATEMENT", rows, "ALWAYS"),
            Trigger(
                $"embedding_{part}insert_row", $"AFTER INSERT ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            Trigger(
                $"embedding_{part}delete_row", $"AFTER DELETE ON {table.Table} FOR EACH ROW", rows, byRow ? "ALWAYS" : "REPLICA"),
            .. byRow ? [] : new[]
            {
                Trigger(
                    $"embedding_{part}insert",
                    $"AFTER INSERT ON {table.Table} REFERENCING NEW TABLE AS added FOR EACH STATEMENT", rows, ""),
                Trigger(
                    $"embedding_{part}delete",
                    $"AFTER DELETE ON {table.Table} REFERENCING OLD TABLE AS removed FOR EACH STATEMENT", rows, ""),
            },
        ];
    }

    public static SchemaObject Function(string schema, string function, string body) =>
        new(ObjectKind.Function, schema, "", $"{function}()",
            $"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {Sql.SafePath} AS "
                + $"{Sql.Literal(body)}");

    /// <summary>The body of the function that follows inserts, deletes and TRUNCATE.</summary>
    /// <param name="insert">The statement for rows that came, given what holds them.</param>
    /// <param name="target">The table that follows.</param>
    /// <param name="isSame">Whether one of its rows, <c>c</c>, has the key of a row.</param>
    /// <param name="tell">A statement after inserts, or nothing.</param>
    public static string RowsBody(Func<string, string> insert, SqlText target, Func<string, SqlText> isSame, string tell) =>
        $"""
        BEGIN
            IF TG_OP = 'INSERT' AND TG_LEVEL = 'STATEMENT' THEN
                {insert("added")}
            ELSIF TG_OP = 'INSERT' THEN
                {insert("(SELECT NEW.*)")}
            ELSIF TG_OP = 'DELETE' AND TG_LEVEL = 'STATEMENT' THEN
                DELETE FROM {target} c USING removed o WHERE {isSame("o.")};
            ELSIF TG_OP = 'DELETE' THEN
                DELETE FROM {target} c WHERE {isSame("OLD.")};
            ELSE
                DELETE FROM {target};
            END IF;
            {tell}
            RETURN NULL;
        EXCEPTION WHEN {Altered} THEN
            {Warn}
            RETURN NULL;
        END
        """;

    /// <summary>The trigger that notes edits: it runs last, because triggers run in the order of their names.</summary>
    public static string EditName(Corpus corpus, ResolvedTable table, string part = "") => Name(corpus, table, Edit(part));

    private static string Edit(string part) => part == "" ? EditPurpose : $"zzz_embedding_{part}edit";

    private static SchemaObject Trigger(Corpus corpus, ResolvedTable table, string purpose, string on, string enabled)
    {
        var name = Name(corpus, table, purpose);
        var enable = enabled == "" ? "" : $";\nALTER TABLE {table.Table} ENABLE {enabled} TRIGGER {Sql.Identifier(name)}";
        return new(
            ObjectKind.Trigger, table.Schema, table.Name, name, $"CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} {on}{enable}");
    }

    private static string Name(Corpus corpus, ResolvedTable table, string purpose) =>
        ObjectNames.Name($"{purpose}_{corpus.Name}", table.Found with { Name = table.Kind });
}
