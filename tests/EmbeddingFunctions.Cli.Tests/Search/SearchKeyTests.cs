using System.Text.Json.Nodes;
using static EmbeddingFunctions.Cli.Tests.Search.SearchedWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>What a search key opens, and what it does not.</summary>
public sealed class SearchKeyTests(SearchedWorkspace workspace) : IClassFixture<SearchedWorkspace>
{
    private const string Search = "POST /api/embeddings/search";
    private const string Header = "x-search-key";

    private static readonly object _question = new { corpus = "workspace", query = "e-mail", limit = 100 };

    [Fact]
    public async Task A_key_of_one_partition_finds_its_items_and_no_others()
    {
        var server = workspace.Server;
        var own = workspace.Repositories["acme/storefront"];
        var all = await Found(server, WholeKey, _question);
        var expected = await Found(server, WholeKey, new { corpus = "workspace", query = "e-mail", limit = 100, partition = own });

        var found = await Found(server, StorefrontKey, _question);

        Assert.True(all.Select(item => (string)item["partition"]!).Distinct().Count() > 1);
        Assert.All(found, item => Assert.Equal(own, (string)item["partition"]!));
        // All of its own: the others took none of their places.
        Assert.Equal(expected.Select(item => (string)item["id"]!), found.Select(item => (string)item["id"]!));
        var named = await Found(server, StorefrontKey, new { corpus = "workspace", query = "e-mail", limit = 100, partition = own });
        Assert.Equal(found.Count, named.Count);
    }

    [Fact]
    public async Task Another_partition_or_corpus_is_refused_alike_whether_it_exists_or_not()
    {
        var server = workspace.Server;
        var (there, nowhere) = (workspace.Repositories["acme/mobile"], "00000000-0000-4000-8000-0000000000ff");
        var refusals = new List<string>();
        foreach (var partition in new[] { there, nowhere })
        {
            var (status, body, _) = await Ask(
                server, StorefrontKey, Search, new { corpus = "workspace", query = "e-mail", partition });
            Assert.Equal(403, status);
            refusals.Add(((string)body["detail"]!).Replace(partition, "PARTITION", StringComparison.Ordinal));
        }

        foreach (var corpus in new[] { "documents", "laws" })
        {
            var (status, body, _) = await Ask(server, StorefrontKey, Search, new { corpus, query = "e-mail" });
            Assert.Equal(403, status);
            Assert.DoesNotContain("sessions", body.ToJsonString(), StringComparison.Ordinal);
            Assert.Equal(403, (await Ask(server, StorefrontKey, "POST /api/embeddings/embed", new { corpus, query = "e" })).Status);
            Assert.Equal(403, (await Ask(server, StorefrontKey, $"GET /api/embeddings/similar/{corpus}/issue/7")).Status);
        }

        Assert.Single(refusals.Distinct());
    }

    [Fact]
    public async Task An_item_of_another_partition_is_no_item_to_the_key()
    {
        var server = workspace.Server;
        var own = await Id("acme/storefront");
        var there = await Id("acme/mobile");
        var nowhere = "00000000-0000-4000-8000-0000000000ff";

        var (ownStatus, ownBody, _) = await Ask(
            server, StorefrontKey, $"GET /api/embeddings/similar/workspace/issue/{own}?limit=100");
        var (thereStatus, thereBody, _) = await Ask(server, StorefrontKey, $"GET /api/embeddings/similar/workspace/issue/{there}");
        var (nowhereStatus, nowhereBody, _) = await Ask(
            server, StorefrontKey, $"GET /api/embeddings/similar/workspace/issue/{nowhere}");

        Assert.Equal((200, 404, 404), (ownStatus, thereStatus, nowhereStatus));
        Assert.All(
            ownBody["results"]!.AsArray(),
            item => Assert.Equal(workspace.Repositories["acme/storefront"], (string)item!["partition"]!));
        Assert.Equal(
            ((string)nowhereBody["detail"]!).Replace(nowhere, "ID", StringComparison.Ordinal),
            ((string)thereBody["detail"]!).Replace(there, "ID", StringComparison.Ordinal));
        Assert.Equal(
            200, (await Ask(server, WholeKey, $"GET /api/embeddings/similar/workspace/issue/{there}")).Status);
    }

    [Fact]
    public async Task A_cursor_of_another_key_shows_nothing_more()
    {
        var server = workspace.Server;
        var (_, first, _) = await Ask(server, WholeKey, Search, new { corpus = "workspace", query = "e-mail", limit = 2 });

        var (status, body, _) = await Ask(
            server, StorefrontKey, Search,
            new { corpus = "workspace", query = "e-mail", limit = 2, cursor = (string)first["next"]! });

        Assert.True(status is 200 or 400, body.ToJsonString());
        Assert.All(
            body["results"]?.AsArray() ?? [], item => Assert.Equal(workspace.Repositories["acme/storefront"], (string)item!["partition"]!));
    }

    [Fact]
    public async Task What_a_key_may_search_is_listed_for_it_alone()
    {
        var server = workspace.Server;

        Assert.Equal(["workspace"], await Corpora(server, StorefrontKey));
        Assert.Equal(["workspace"], await Corpora(server, WholeKey));
        // Declared, and not migrated here.
        Assert.Equal([], await Corpora(server, DocumentsKey));
    }

    [Theory]
    [InlineData("GET /api/embeddings/status")]
    [InlineData("GET /api/embeddings/runs")]
    [InlineData("POST /api/embeddings/compute")]
    [InlineData("GET /api/embeddings/switches/workspace")]
    [InlineData("POST /api/embeddings/switches/workspace/flip")]
    public async Task A_search_key_opens_nothing_but_search(string request)
    {
        var server = workspace.Server;
        var body = request.StartsWith("POST", StringComparison.Ordinal) ? new { } : null;

        Assert.Equal(401, (await Ask(server, WholeKey, request, body)).Status);
        Assert.Equal(401, (await Send(server, request, body, ("x-functions-key", WholeKey))).Status);
        Assert.NotEqual(401, (await Send(server, request, body, ("x-functions-key", ServerKey))).Status);
    }

    [Fact]
    public async Task Only_keys_of_the_file_and_the_server_s_own_are_taken_and_none_is_shown()
    {
        await using var server = await workspace.Serve();
        string[] wrong = ["", "x", StorefrontKey + "x", StorefrontKey[..^1], StorefrontKey.ToUpperInvariant()];
        foreach (var key in wrong)
        {
            Assert.Equal(401, (await Ask(server, key, Search, _question)).Status);
            // A wrong key is none, even beside a right one.
            Assert.Equal(401, (await Send(
                server, Search, _question, (Header, key), ("x-functions-key", ServerKey))).Status);
        }

        Assert.Equal(401, (await Send(server, Search, _question)).Status);
        Assert.Equal(200, (await Send(server, Search, _question, ("x-functions-key", ServerKey))).Status);
        Assert.Equal(200, (await Ask(server, ServerKey, Search, _question)).Status);
        // The narrower of two keys counts.
        var (_, both, _) = await Send(
            server, Search, _question, (Header, StorefrontKey), ("x-functions-key", ServerKey));
        Assert.Single(both["results"]!.AsArray().Select(item => (string)item!["partition"]!).Distinct());

        server.Process.Signal(Running.SigTerm);
        var ended = (await server.Process.Ended()).Exits(0);
        Assert.DoesNotContain("0123456789", ended.Out + ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"keys":[{"name":"a","sha256":"short","corpora":["workspace"]}]}""", "keys[0].sha256 is not the SHA-256 of a key")]
    [InlineData("""{"keys":[{"name":"a","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","corpora":["*"]}]}""", "that of no key at all")]
    [InlineData("""{"keys":[{"name":"a","sha256":"DIGEST","corpora":["workspase"]}]}""", "do you mean 'workspace'?")]
    [InlineData("""{"keys":[{"name":"a","sha256":"DIGEST","corpora":[]}]}""", "keys[0].corpora is empty")]
    [InlineData("""{"keys":[{"name":"a","sha256":"DIGEST","corpora":["*"],"partitions":[]}]}""", "keys[0].partitions is empty")]
    [InlineData("""{"keys":[{"name":"a","sha256":"DIGEST","corpora":["*"],"partition":["7"]}]}""", "$.keys[0].partition cannot be read")]
    [InlineData("""{"keys":[{"name":"a","sha256":"DIGEST","corpora":["*"]},{"name":"b","sha256":"DIGEST","corpora":["*"]}]}""", "a, b have the same key")]
    [InlineData("{", "EMBEDDINGS_SEARCH_KEYS_FILE (")]
    [InlineData(null, "EMBEDDINGS_SEARCH_KEYS_FILE (")]
    public async Task A_file_that_cannot_be_used_is_reported_at_the_start(string? file, string message)
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, "keys.json");
        if (file is not null)
        {
            await File.WriteAllTextAsync(path, file.Replace("DIGEST", new string('a', 64), StringComparison.Ordinal));
        }

        (await workspace.Program().Set("EMBEDDINGS_SEARCH_KEYS_FILE", path).Run("serve", "--urls", "http://127.0.0.1:0"))
            .Exits(2).Says(message);
    }

    [Fact]
    public async Task A_change_of_the_file_counts_at_once_and_a_file_that_cannot_be_used_leaves_the_keys_as_they_are()
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, "keys.json");
        var keys = await File.ReadAllTextAsync(workspace.KeysFile);
        await File.WriteAllTextAsync(path, keys);
        await using var server = await workspace.Serve(path);
        Assert.Equal(200, await Status());

        await Change("{");
        Assert.Equal(200, await Status());
        await Change("""{"keys":[]}""");
        Assert.Equal(401, await Status());
        await Change(keys);
        Assert.Equal(200, await Status());
        File.Delete(path);
        await Task.Delay(1_100);
        Assert.Equal(200, await Status());

        server.Process.Signal(Running.SigTerm);
        var ended = (await server.Process.Ended()).Exits(0);
        var log = ended.Out + ended.Error;
        Assert.Contains("The search keys stay as they are, because their file cannot be used", log, StringComparison.Ordinal);
        Assert.Contains("it has 0 keys", log, StringComparison.Ordinal);

        async Task<int> Status() => (await Ask(server, StorefrontKey, Search, _question)).Status;
        async Task Change(string text)
        {
            await File.WriteAllTextAsync(path, text);
            await Task.Delay(1_100);
        }
    }

    private async Task<string> Id(string repository) => (await workspace.Ask<string>(
        "SELECT id::text FROM issues WHERE repository_id::text = $1 ORDER BY id LIMIT 1", workspace.Repositories[repository]))!;

    private static async Task<IReadOnlyList<JsonNode>> Found(Server server, string key, object question)
    {
        var (status, body, _) = await Ask(server, key, Search, question);
        Assert.True(status == 200, body.ToJsonString());
        return body["results"]!.AsArray().Select(item => item!).ToList();
    }

    private static async Task<IReadOnlyList<string>> Corpora(Server server, string key) =>
        (await Ask(server, key, "GET /api/embeddings/corpora")).Body["corpora"]!.AsArray().Select(one => (string)one!["corpus"]!).ToList();

    private static Task<(int Status, JsonNode Body, HttpResponseMessage Response)> Ask(
        Server server, string key, string request, object? body = null) =>
        Send(server, request, body, (Header, key));
}
