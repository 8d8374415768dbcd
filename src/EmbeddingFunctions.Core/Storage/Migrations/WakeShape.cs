using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The trigger by which a corpus's table tells running hosts that there may be work.</summary>
internal static class WakeShape
{
    private const string Purpose = "embedding_note_work";

    /// <summary>
    /// Named columns keep the engine's own writes from waking a host. Once a statement is enough: hosts look what is pending, and
    /// an edit that changed nothing leaves nothing. A partitioned table is the exception, whose partitions may be written to by
    /// their own names: only row triggers are theirs too. Equal notifications of a transaction are one.
    /// </summary>
    public static IEnumerable<Part> Parts(Corpus corpus, IReadOnlyList<BoundTable> kinds)
    {
        var found = kinds[0].Found;
        var columns = string.Join(", ", kinds.SelectMany(kind => kind.WakingColumns).Distinct().Select(Sql.Identifier));
        // Writers need no right to anything of ours for it.
        var body = Sql.Literal(
            $"""
            BEGIN
                PERFORM pg_catalog.pg_notify('{WorkNotices.Channel}', '{corpus.Name}');
                RETURN NULL;
            END
            """);
        yield return new(PartKind.Function, found.Schema, "", $"{Function(found)}()",
            $"CREATE OR REPLACE FUNCTION {Function(found)}() RETURNS trigger LANGUAGE plpgsql {Sql.SafePath} AS {body}");
        var trigger = CorpusShape.Name(Purpose, found);
        yield return new(PartKind.Trigger, found.Schema, found.Name, trigger,
            $"""
            CREATE OR REPLACE TRIGGER {Sql.Identifier(trigger)} AFTER INSERT OR UPDATE OF {columns} ON {found.Quoted}
                FOR EACH {(found.IsPartitioned ? "ROW" : "STATEMENT")} EXECUTE FUNCTION {Function(found)}()
            """);
    }

    /// <summary>The same for the queue's rows: only what people ask for is told, not what the engine writes there.</summary>
    public static Part OfQueue(BoundTable table)
    {
        var trigger = CorpusShape.Name("embedding_note_wish", table.Found, table.Table);
        return new(PartKind.Trigger, table.Schemas.Queue, QueueTable.Name, trigger,
            $"""
            CREATE OR REPLACE TRIGGER {Sql.Identifier(trigger)} AFTER INSERT OR UPDATE ON {table.Schemas.QueueTable(QueueTable.Name)}
                FOR EACH ROW WHEN (NEW.status::text = 'pending' AND NEW.taken_at IS NULL AND NEW.table_name::text = {Sql.Literal(table.DeclaredName)}
                                   AND NEW.embedding_column::text = {Sql.Literal(table.VectorColumn)})
                EXECUTE FUNCTION {Function(table.Found)}()
            """);
    }

    private static string Function(FoundTable table) => CorpusShape.Function(Purpose, table);
}
