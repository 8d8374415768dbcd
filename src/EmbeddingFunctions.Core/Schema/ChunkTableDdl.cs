using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The table of a table's chunks, where long texts are embedded so.</summary>
internal static class ChunkTableDdl
{
    private const string Policy = "\"embedding_chunks_of_visible_rows\"";

    private static readonly string[] _columns = [
        "document_id", "chunk_index", "content", "start_char", "end_char", "token_count", "embedding"];

    /// <summary>The chunks of the live generation under a name that stays, where each generation has a table of its own.</summary>
    public static SchemaObject LiveView(Corpus corpus, ResolvedTable table)
    {
        var name = $"live_chunks_{corpus.DeclaredName}_{table.Kind}";
        var columns = _columns.Select(column => column == "embedding"
            ? Sql.Of($"\"embedding\"::{table.AnyWidth} AS \"embedding\"") : Sql.Identifier(column));
        return new(
            ObjectKind.View, table.Holder.Schema, "", name,
            $"CREATE OR REPLACE VIEW {Sql.Identifier(table.Holder.Schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS\n"
                + $"SELECT {Sql.Join(", ", columns)} FROM {table.ChunkTable}");
    }

    /// <summary>
    /// A role that may read the table sees the chunks of the rows that it may see, whatever hides the others from it, now or later.
    /// </summary>
    public static SchemaObject Table(ResolvedTable table) =>
        new(ObjectKind.Table, table.Schema, "", table.Chunks!.Table,
            $"""
            CREATE TABLE {table.ChunkTable} (
                "document_id" {table.IdType} NOT NULL REFERENCES {table.Target} ({table.WithRow("").Id}) ON UPDATE CASCADE ON DELETE
                    CASCADE,
                "chunk_index" integer NOT NULL,
                "content"     text    NOT NULL,
                "start_char"  integer NOT NULL,
                "end_char"    integer NOT NULL,
                "token_count" integer NOT NULL,
                "embedding"   {table.VectorColumnType} NOT NULL,
                UNIQUE ("document_id", "chunk_index")
            )
            """)
        {
            Finish =
                $"""
                ALTER TABLE {table.ChunkTable} ENABLE ROW LEVEL SECURITY;
                DROP POLICY IF EXISTS {Policy} ON {table.ChunkTable};
                CREATE POLICY {Policy} ON {table.ChunkTable}
                    USING (EXISTS (SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} {table.ChunkTable}."document_id"))
                """,
        };

    /// <summary>
    /// For <see cref="TablePage"/>: vectors whose chunks are not there, because their table was dropped, are to be made again; those of
    /// another rule are in any case, and must only not pass for unchanged.
    /// </summary>
    public static string Forget(ResolvedTable table) =>
        $"""
        forgotten AS (
            UPDATE {table.Target} t SET {table.RuleName} = NULLIF({table.RuleId}, {Sql.Literal(table.Rule.Id)}), {table.HashName} = NULL
            FROM   page
            WHERE  {table.Id} {Sql.Is} page.key
            AND    {table.Vector} IS NOT NULL AND ({table.Hash} IS NOT NULL OR {table.RuleId} =
                {Sql.Literal(table.Rule.Id)}){table.Filter}
        )
        """;

    /// <returns>The table of the chunks, or null while there is none.</returns>
    public static async Task<CatalogueTable?> Find(ResolvedTable table, Catalogue catalogue, CancellationToken cancellation)
    {
        var name = $"{table.Schema}.{table.Chunks!.Table}";
        return (await catalogue.Find([name], cancellation)).GetValueOrDefault(name);
    }

    /// <returns>That a table of the name is there, and is another.</returns>
    public static DeclarationFault? Fault(ResolvedTable table, CatalogueTable? found)
    {
        var isOurs = found is null || (_columns.All(found.Columns.ContainsKey)
            && found.Columns["document_id"].Type == table.IdTypeName
                && CorpusResolver.VectorType(found.Columns["embedding"]) == table.VectorType);
        return isOurs ? null
            : new(
                "chunks",
                $"the table {found!.Name} cannot hold chunks of {table.VectorType} of ids that are {table.IdType}: drop it and migrate "
                    + "again, or declare another name for the chunks");
    }
}
