using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A declaration that uses nearly everything, resolved against tables that are in no database.</summary>
internal static class SampleCorpus
{
    private const string Declaration =
        """
        { "corpora": [ {
            "name": "library", "dimensions": 512, "store": "column", "similarityCache": true, "trigger": true,
            "scheduled": { "newerThan": "30 days" }, "lanesPerPartition": 2,
            "partitions": {
                "table": "tenants", "column": "id", "filter": [ { "column": "state", "equalTo": "active" } ],
                "owner": { "table": "accounts", "referredBy": "account", "filter": [ { "column": "closed_at", "isNull": true } ] } },
            "pendingView": { "name": "pending_items", "columns": [ "title" ] },
            "tables": [
                { "kind": "article", "table": "articles", "partition": "tenant", "text": "{title}. {body}", "changedAt": "updated_at",
                  "createdAt": "created_at", "longText": "chunk", "chunks": { "table": "article_chunks" },
                  "where": { "section": "section" }, "filter": [ { "column": "state", "equalTo": "published" } ], "priority": 2 },
                { "kind": "note", "table": "notes", "partition": "tenant", "text": "{title}[: {words}]", "createdAt": "made_on",
                  "queue": "content" } ] } ] }
        """;

    // Its vectors are beside the rows, whose key has two columns.
    private const string BesideDeclaration =
        """
        { "corpora": [ {
            "name": "beside", "dimensions": 512, "store": "table", "trigger": true,
            "tables": [
                { "kind": "page", "table": "articles", "key": ["tenant", "id"], "text": "{title}. {body}", "changedAt": "updated_at",
                  "where": { "section": "section" }, "filter": [ { "column": "state", "equalTo": "published" } ] } ] } ] }
        """;

    public static ResolvedCorpus Within { get; } = Resolve(Declaration, new Generation("library", 1, IsLive: true));

    public static ResolvedCorpus Beside { get; } = Resolve(BesideDeclaration);

    public static ResolvedTable Articles => Within.TableOf("article");

    public static ResolvedTable Notes => Within.TableOf("note");

    private static ResolvedCorpus Resolve(string declaration, Generation? generation = null)
    {
        var settings = new EmbeddingSettings { Provider = ProviderChoice.OpenAi, ProviderReason = "a test" };
        return CorpusResolver.Resolve(CorpusFile.Parse(declaration, "a test").All[0] with { Generation = generation }, new[]
        {
            Table("tenants", ("id", "uuid"), ("state", "text"), ("account", "uuid")),
            Table("accounts", ("id", "uuid"), ("closed_at", "timestamp with time zone")),
            Table("articles", ("id", "bigint"), ("tenant", "uuid"), ("title", "text"), ("body", "text"), ("section", "text"),
                ("state", "text"), ("updated_at", "timestamp with time zone"), ("created_at", "timestamp without time zone")),
            Table("notes", ("id", "uuid"), ("tenant", "uuid"), ("title", "text"), ("words", "text[]"), ("user_id", "uuid"),
                ("made_on", "date")),
        }.ToDictionary(table => table.Name), DatabaseSchemas.Public, settings);
    }

    private static CatalogueTable Table(string name, params (string Name, string Type)[] columns) =>
        new("public", name, 'r', columns.ToDictionary(
            column => column.Name, column => new CatalogueColumn(column.Type, Modifier: -1, IsKey: column.Name == "id", Generated: "")))
        {
            Keys = [["id"], ["id", "tenant"]],
        };
}
