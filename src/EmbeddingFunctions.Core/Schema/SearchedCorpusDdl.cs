using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The function that tells the search functions of a database how the live generation of a corpus is read.</summary>
internal static class SearchedCorpusDdl
{
    private static readonly JsonSerializerOptions _json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Name(string corpus) => $"embedding.{Sql.Identifier($"search_of_{corpus}")}()";

    public static SchemaObject Function(ResolvedCorpus corpus)
    {
        var name = Name(corpus.Corpus.DeclaredName);
        var parts = new JsonObject
        {
            ["model"] = corpus.Model,
            ["dimensions"] = corpus.Corpus.Dimensions,
            ["kinds"] = new JsonArray(corpus.Tables.Select(table => (JsonNode)Kind(corpus, table)).ToArray()),
        };
        return new(
            ObjectKind.Function, EngineSchema.Name, "", name,
            $"CREATE OR REPLACE FUNCTION {name} RETURNS pg_catalog.jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
                + Sql.Literal($"SELECT {Sql.Literal(parts.ToJsonString(_json))}::pg_catalog.jsonb"));
    }

    private static JsonObject Kind(ResolvedCorpus corpus, ResolvedTable table) => new()
    {
        ["kind"] = table.Kind,
        ["source"] = $"{table.SearchedRows} t",
        ["id"] = $"{table.Id}::text",
        ["key"] = table.Id.ToString(),
        ["keyType"] = table.IdTypeName,
        ["partition"] = table.HasPartition ? table.Partition.ToString() : null,
        ["partitionType"] = table.PartitionType.ToString(),
        ["vector"] = table.Vector.ToString(),
        ["vectorType"] = table.VectorColumnType.ToString(),
        ["array"] = $"{table.Vector}::{table.Schemas.InVector($"vector({table.Dimensions})")}::real[]",
        ["distance"] = table.Distance.ToString(),
        ["dimensions"] = table.Dimensions,
        ["current"] = table.IsCurrent.ToString(),
        // What the triggers noted is asked of the few rows that were found: of all it would take longer than the search.
        ["changed"] = table.IsNotedAsChanged is null ? null : table.IsChanged.ToString(),
        ["changedById"] = table.IsNotedAsChanged?.ToString(),
        ["kept"] = table.IsKept.ToString(),
        // In a condition by itself, so that the planner makes no join of it that has no order by distance.
        ["allowed"] = $"(true{table.DeclaredFilter} {corpus.AndIsActive(table)}) IS TRUE",
        ["shown"] = table.IsShown.ToString(),
        ["hash"] = table.Hash.ToString(),
        ["title"] = table.Title.ToString(),
        ["document"] = table.Document.ToString(),
        ["language"] = table.RowLanguage.ToString(),
        ["truncated"] = table.Truncated.ToString(),
        ["columns"] = new JsonObject(table.FilterableColumns.Select(column => KeyValuePair.Create(
            column.Key, (JsonNode?)new JsonObject
            {
                ["sql"] = table.Column(column.Key).ToString(),
                ["type"] = column.Value.SqlType.ToString(),
            }))),
        ["words"] = Words(table),
        ["chunks"] = table.ChunkTable is { } chunks
            ? new JsonObject { ["table"] = chunks.ToString(), ["on"] = $"k.document_id {Sql.Is} {table.Id}" } : null,
    };

    private static JsonObject? Words(ResolvedTable table)
    {
        if (table.Search is null && table.TextSearch is null)
        {
            return null;
        }

        var words = table.WordsTable;
        var hasTable = table.HasWordsTable;
        var hasColumn = table.TextSearch is not null;
        return new JsonObject
        {
            ["language"] = table.Language,
            ["from"] = hasTable
                ? $"{words.Quoted} w JOIN {table.SearchedRows} t ON {CompanionTable.SameKey(table, Sql.Of($"w."), Sql.Of($"t."))}"
                : $"{table.SearchedRows} t",
            // The best are ranked before they are joined to their rows, where they have a table.
            ["alone"] = hasTable ? words.Quoted.ToString() : null,
            ["joined"] = hasTable
                ? $"{table.SearchedRows} t ON {CompanionTable.SameKey(table, Sql.Of($"w."), Sql.Of($"t."))}" : null,
            ["sql"] = hasTable ? "w.words" : hasColumn ? table.Column(TextSearchDdl.Column).ToString() : table.Words.ToString(),
            ["bare"] = hasTable ? "w.words" : hasColumn ? $"w.{Sql.Identifier(TextSearchDdl.Column)}"
                : table.WithRow("w.").Words.ToString(),
            ["table"] = hasTable ? words.Quoted.ToString() : table.QuotedName,
            ["column"] = hasTable ? "words" : TextSearchDdl.Column,
            ["hasNames"] = table.Search?.Identifiers.Count > 0,
            ["names"] = hasTable && table is { Search.Identifiers.Count: > 0, Schemas.Trigrams: not null } ? "w.names" : null,
            ["settle"] = table.WordsFollower?.SettleFunction,
            ["areBehind"] = table.WordsFollower is null ? null : $"{table.WordsAreBehind}()",
            ["trigrams"] = table.Schemas.Trigrams is { } trigrams ? Sql.Identifier(trigrams).ToString() : null,
        };
    }
}
