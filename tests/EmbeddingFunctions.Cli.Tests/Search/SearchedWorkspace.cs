using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>The sample workspace, embedded by the lexical provider, which finds like words alike.</summary>
public sealed class SearchedWorkspace : IAsyncLifetime
{
    public const string ServerKey = "server-0123456789abcdef";
    public const string StorefrontKey = "storefront-key-0123456789abcdef0123456789abcdef";
    public const string WholeKey = "everything-key-0123456789abcdef0123456789abcdef";
    public const string DocumentsKey = "documents-key-0123456789abcdef0123456789abcdef";

    private readonly TestFolder _folder = new();

    private TestDatabase Database { get; set; } = null!;

    /// <summary>The partitions, by the repositories' names.</summary>
    public IReadOnlyDictionary<string, string> Repositories { get; private set; } = null!;

    public string KeysFile => Path.Combine(_folder.Path, "search-keys.json");

    public async Task InitializeAsync()
    {
        Database = await TestDatabase.Empty();
        (await Program().Run("migrate", "workspace", "--with-sample-tables")).Exits(0);
        var lines = Path.Combine(Repository.Root, "src", "EmbeddingFunctions.Cli", "Samples", "sample-workspace.jsonl");
        (await Program().Run("import", "workspace", lines, "--workspace", "demo")).Exits(0);
        (await Program().Run("backfill", "workspace")).Exits(0);
        Repositories = (await Database.Rows("SELECT full_name, id::text FROM repositories"))
            .ToDictionary(row => (string)row[0]!, row => (string)row[1]!);
        await File.WriteAllTextAsync(KeysFile, new JsonObject
        {
            ["keys"] = new JsonArray(
                Key("storefront", StorefrontKey, ["workspace"], [Repositories["acme/storefront"]]),
                Key("everything", WholeKey, ["*"], null),
                Key("documents", DocumentsKey, ["documents"], null)),
        }.ToJsonString());
        Server = await Serve();
    }

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
        _folder.Dispose();
    }

    private static JsonObject Key(string name, string key, string[] corpora, string[]? partitions)
    {
        var entry = new JsonObject
        {
            ["name"] = name,
            ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))),
            ["corpora"] = JsonSerializer.SerializeToNode(corpora),
        };
        if (partitions is not null)
        {
            entry["partitions"] = JsonSerializer.SerializeToNode(partitions);
        }

        return entry;
    }

    /// <summary>The program on it, without any key.</summary>
    internal Program Program() => new Program(_folder.Path)
        .Set("DATABASE_URL", Database.ConnectionString).Set("EMBEDDINGS_SCHEDULE", "0 0 0 1 1 *")
        .Set("EMBEDDING_QUERY_TIMEOUT_MS", "20000");

    /// <summary>For all tests that only ask it.</summary>
    internal Server Server { get; private set; } = null!;

    /// <summary>A server on it, with its own key and the search keys.</summary>
    internal Task<Server> Serve(string? keysFile = null) => Server.Start(
        Program().Set("EMBEDDINGS_API_KEY", ServerKey).Set("EMBEDDINGS_SEARCH_KEYS_FILE", keysFile ?? KeysFile));

    /// <summary>A transaction of another session, as of an application that locks a table.</summary>
    internal async Task<NpgsqlTransaction> Begin() => await (await Database.Source.OpenConnectionAsync()).BeginTransactionAsync();

    internal Task Execute(string sql, params object?[] values) => Database.Execute(sql, values);

    internal Task<T?> Ask<T>(string sql, params object?[] values) => Database.Ask<T>(sql, values);

    /// <summary>Sends a request with keys, as <c>(header, key)</c>.</summary>
    internal static async Task<(int Status, JsonNode Body, HttpResponseMessage Response)> Send(
        Server server, string request, object? body, params (string Header, string Key)[] keys)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Split(' ')[0]), request.Split(' ')[1]);
        message.Content = body is null ? null : body as HttpContent ?? JsonContent.Create(body);
        foreach (var (header, key) in keys)
        {
            message.Headers.Add(header, key);
        }

        var response = await server.Send(message);
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal("", await ApiDescription.Problem(message.Method.Method, message.RequestUri!.AbsolutePath, response));
        return ((int)response.StatusCode, JsonNode.Parse(text)!, response);
    }
}
