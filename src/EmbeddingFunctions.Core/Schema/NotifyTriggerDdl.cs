using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The trigger by which the queue tells running hosts that there may be work; an edited row tells by <see cref="EditTriggerDdl"/>.
/// </summary>
internal static class NotifyTriggerDdl
{
    private const string Purpose = "embedding_note_work";

    /// <summary>
    /// Tells hosts at the end of the transaction, as PL/pgSQL; a writer needs no right to anything of ours for it. Once is enough, and each
    /// row's would cost.
    /// </summary>
    public static string Notify(Corpus corpus) =>
        $"""
        IF pg_catalog.current_setting('embeddings.told', true) IS DISTINCT FROM '{corpus.DeclaredName}' THEN
                PERFORM pg_catalog.set_config('embeddings.told', '{corpus.DeclaredName}', true),
                    pg_catalog.pg_notify('{WorkNotices.Channel}', '{corpus.DeclaredName}');
            END IF
        """;

    /// <summary>Only requests tell, not what the engine writes there.</summary>
    public static IEnumerable<SchemaObject> OfQueue(Corpus corpus, ResolvedTable table)
    {
        var function = ObjectNames.Function(Purpose, table.Found);
        var body = Sql.Literal($"BEGIN {Notify(corpus)}; RETURN NULL; END");
        yield return new(ObjectKind.Function, table.Schema, "", $"{function}()",
            $"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql {Sql.SafePath} AS {body}");
        var trigger = ObjectNames.Name("embedding_note_request", table.Found, table.QuotedName);
        yield return new(ObjectKind.Trigger, table.Schemas.Queue, QueueTable.Name, trigger,
            $"""
            CREATE OR REPLACE TRIGGER {Sql.Identifier(trigger)} AFTER INSERT OR UPDATE ON {table.Schemas.QueueTable(QueueTable.Name)}
                FOR EACH ROW WHEN (NEW.status::text = 'pending' AND NEW.taken_at IS NULL AND NEW.table_name::text =
                    {Sql.Literal(table.DeclaredName)}
                                   AND NEW.embedding_column::text = {Sql.Literal(table.VectorColumn)})
                EXECUTE FUNCTION {function}()
            """);
    }
}
