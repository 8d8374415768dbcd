using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The trigger that makes a row pending in its writer's own transaction when its text changes or the row is new, and tells hosts of it.
/// </summary>
internal static class EditTriggerDdl
{
    public static string Name(ResolvedTable table) => ObjectNames.Name($"zzz_embedding_note_edit{table.Suffix}", table.Found);

    /// <summary>
    /// An inserted row that already has a vector and fingerprint, such as a copy, is pending until its fingerprint is checked; a vector of
    /// another model is cleared. This trigger runs last, because triggers run in the order of their names: a trigger that sets the
    /// changed-at column cannot make a new vector look older than its row. If the table was altered so that the text cannot be read, the
    /// write still succeeds: the row becomes pending or, without the column of the rule, stays as it was written.
    /// </summary>
    /// <remarks>It names no column in its definition: Postgres would let none of these be altered.</remarks>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, IReadOnlyList<ResolvedTable> kinds)
    {
        var table = kinds[0];
        var function = ObjectNames.Function($"embedding_note_edit{table.Suffix}", table.Found);
        var trigger = Name(table);
        var current = table.WithRow("NEW.");
        var generatedAt = Sql.Identifier(table.Own.GeneratedAt);
        var moments = kinds.Select(kind => kind.WithRow("NEW.").ChangedAt).OfType<SqlText>().Distinct()
            .Prepend(Sql.Of($"NEW.{generatedAt}"));
        // The engine's own write, of another generation's columns, makes nothing pending either.
        var isOthers = Sql.Join("", kinds.Select(kind => kind.WithRow("OLD.").ChangedAt).OfType<SqlText>().Distinct().Select(
            changedAt => Sql.Of($" AND OLD.{generatedAt} >= {changedAt}")));
        // A literal, because a column's name could hold any other quotes.
        var body = Sql.Literal(
            $"""
            DECLARE
                is_edited boolean := true;
                is_told boolean := true;
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    {TextChange.Assign("is_edited", table, kinds.SelectMany(kind => kind.Template.Columns))}
                END IF;
                IF is_edited THEN
                    IF TG_OP = 'UPDATE' AND current_setting('{Sql.KeepsText}', true) = 'on' THEN
                        {current.State} := '{ItemState.Rewritten}';
                    ELSE
                        {current.RuleId} := {EditTime.Of(table.WithRow("OLD.").RuleId)};
                    END IF;
                    IF TG_OP = 'INSERT' AND {current.IsOfAnotherModel} THEN
                        NEW.{table.VectorName} := NULL;
                    END IF;
                ELSIF NEW.{generatedAt} IS DISTINCT FROM OLD.{generatedAt}
                    OR current_setting('embeddings.writing', true) = 'on'{isOthers} THEN
                    NEW.{generatedAt} := GREATEST({string.Join(", ", moments)});
                END IF;
                {(corpus.Trigger ? Tell(corpus, kinds) : "")}
                RETURN NEW;
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, SQLERRM;
                BEGIN
                    -- The engine has compared the text itself.
                    IF TG_OP = 'INSERT' OR NEW.{generatedAt} IS NOT DISTINCT FROM OLD.{generatedAt} THEN
                        {current.RuleId} := NULL;
                        {(corpus.Trigger ? $"{NotifyTriggerDdl.Notify(corpus)};" : "")}
                    END IF;
                EXCEPTION WHEN OTHERS THEN
                    RETURN NEW;
                END;
                RETURN NEW;
            END
            """);
        yield return new(ObjectKind.Function, table.Schema, "", $"{function}()",
            $"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql {Sql.SafePath} AS {body}");
        // Always: a row that comes by replication, or from a dump, is looked at too.
        yield return new(ObjectKind.Trigger, table.Schema, table.Name, trigger,
            $"""
            CREATE OR REPLACE TRIGGER {Sql.Identifier(trigger)} BEFORE INSERT OR UPDATE ON {table.Table} FOR EACH ROW EXECUTE FUNCTION
                {function}();
            ALTER TABLE {table.Table} ENABLE ALWAYS TRIGGER {Sql.Identifier(trigger)}
            """);
    }

    // Equal notifications of a transaction are one. What the engine writes changes none of these columns.
    private static string Tell(Corpus corpus, IReadOnlyList<ResolvedTable> kinds) =>
        $"""
        IF TG_OP = 'UPDATE' THEN
            {TextChange.Assign("is_told", kinds[0], kinds.SelectMany(kind => kind.WakingColumns))}
        END IF;
        IF is_told THEN
            {NotifyTriggerDdl.Notify(corpus)};
        END IF;
        """;
}
