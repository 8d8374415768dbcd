using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The trigger by which a corpus's table tells running hosts that there may be work.</summary>
internal static class WakeShape
{
    /// <summary>
    /// Named columns keep the engine's own writes from waking anybody. Once a statement is enough: hosts look what is pending, and
    /// an edit that changed nothing leaves nothing. A partitioned table is the exception, whose partitions may be written to by
    /// their own names: only row triggers are theirs too. Equal notifications of a transaction are one.
    /// </summary>
    public static string Create(Corpus corpus, IReadOnlyList<BoundTable> kinds)
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
        return
            $"""
            CREATE OR REPLACE FUNCTION {FunctionName(found)}() RETURNS trigger LANGUAGE plpgsql AS {body};
            CREATE OR REPLACE TRIGGER {TriggerName(found)} AFTER INSERT OR UPDATE OF {columns} ON {found.Quoted}
                FOR EACH {(found.IsPartitioned ? "ROW" : "STATEMENT")} EXECUTE FUNCTION {FunctionName(found)}();
            """;
    }

    /// <summary>The same for the queue's rows: only somebody's wish is told, not what the engine writes there.</summary>
    public static string OfQueue(BoundTable table) =>
        $"""
        CREATE OR REPLACE TRIGGER {Sql.Identifier(CorpusShape.Name("embedding_note_wish", table.Found, table.Table))} AFTER INSERT OR UPDATE ON embedding_queue
            FOR EACH ROW WHEN (NEW.status = 'pending' AND NEW.taken_at IS NULL AND NEW.table_name = {Sql.Literal(table.DeclaredName)} AND NEW.embedding_column = {Sql.Literal(table.VectorColumn)})
            EXECUTE FUNCTION {FunctionName(table.Found)}()
        """;

    /// <summary>By the function, whose only dependents are the triggers: where it is not there, no table is even locked.</summary>
    public static string Removal(FoundTable table) => $"DROP FUNCTION IF EXISTS {FunctionName(table)}() CASCADE";

    private static string FunctionName(FoundTable table) => $"{Sql.Identifier(table.Schema)}.{TriggerName(table)}";

    private static string TriggerName(FoundTable table) => Sql.Identifier(CorpusShape.Name("embedding_note_work", table));
}
