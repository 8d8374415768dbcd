using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using static EmbeddingFunctions.Cli.Tests.Search.SearchedWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>Search over HTTP: what is asked in which way, and how it is answered.</summary>
public sealed class SearchFaceTests(SearchedWorkspace workspace) : IClassFixture<SearchedWorkspace>
{
    private const string Search = "/api/embeddings/search";

    [Fact]
    public async Task A_body_and_an_address_ask_the_same()
    {
        var server = workspace.Server;

        var (status, posted, response) = await Ask(server, $"POST {Search}", new StringContent(
            """{"corpus":"workspace","query":"order confirmation e-mail","kinds":["issue"],"limit":3,"mode":"hybrid"}"""));
        var (_, got, _) = await Ask(
            server, $"GET {Search}?corpus=workspace&query=order+confirmation+e-mail&kinds=issue&limit=3&mode=hybrid");

        Assert.True(status == 200, posted.ToJsonString());
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Equal(3, posted["results"]!.AsArray().Count);
        Assert.Equal("Order confirmation e-mail arrives hours late", (string)posted["results"]![0]!["title"]!);
        Assert.Equal(Ids(posted), Ids(got));
        Assert.Equal(1, (int)posted["results"]![0]!["vectorRank"]!);
        Assert.True((int)posted["results"]![0]!["textRank"]! > 0);
    }

    [Fact]
    public async Task Pages_follow_each_other_by_the_cursor()
    {
        var server = workspace.Server;
        var (_, whole, _) = await Ask(server, $"POST {Search}", new { corpus = "workspace", query = "cart checkout", limit = 12 });
        var pages = new List<string>();
        string? cursor = null;
        for (var page = 0; page < 3; page++)
        {
            var (status, body, _) = await Ask(
                server, $"POST {Search}", new { corpus = "workspace", query = "cart checkout", limit = 4, cursor });
            Assert.True(status == 200, body.ToJsonString());
            pages.AddRange(Ids(body));
            cursor = (string?)body["next"];
        }

        Assert.Equal(12, pages.Distinct().Count());
        Assert.Equal(Ids(whole).Count, pages.Count);
    }

    [Fact]
    public async Task An_item_has_others_that_are_like_it_by_address_and_by_body()
    {
        var server = workspace.Server;
        var id = await workspace.Ask<string>("SELECT id::text FROM issues WHERE title = 'Order confirmation e-mail arrives hours late'");

        var (status, byAddress, _) = await Ask(server, $"GET /api/embeddings/similar/workspace/issue/{id}?limit=5");
        var (_, byBody, _) = await Ask(
            server, $"POST {Search}", new { corpus = "workspace", item = new { kind = "issue", id }, limit = 5 });

        Assert.True(status == 200, byAddress.ToJsonString());
        Assert.Equal(5, Ids(byAddress).Count);
        Assert.DoesNotContain(id, Ids(byAddress));
        Assert.Equal(Ids(byAddress), Ids(byBody));
        Assert.Equal(404, (await Ask(server, "GET /api/embeddings/similar/workspace/issue/00000000-0000-4000-8000-0000000000ff")).Status);
        Assert.Equal(404, (await Ask(server, "GET /api/embeddings/similar/workspace/memo/7")).Status);
    }

    [Fact]
    public async Task A_query_s_vector_finds_what_the_query_finds()
    {
        var server = workspace.Server;

        var (status, embedded, _) = await Ask(server, "POST /api/embeddings/embed", new { corpus = "workspace", query = "guest cart" });
        Assert.True(status == 200, embedded.ToJsonString());
        var vector = embedded["vector"]!.AsArray().Select(value => (float)value!).ToList();
        var (_, byVector, _) = await Ask(server, $"POST {Search}", new { corpus = "workspace", vector, mode = "vector", limit = 5 });
        var (_, byQuery, _) = await Ask(
            server, $"POST {Search}", new { corpus = "workspace", query = "guest cart", mode = "vector", limit = 5 });

        Assert.Equal(384, vector.Count);
        Assert.Equal(("lexical-1", 384), ((string)embedded["model"]!, (int)embedded["dimensions"]!));
        Assert.Equal(Ids(byQuery), Ids(byVector));
    }

    [Theory]
    [InlineData("""{"corpus":"workspace","query":"a","limit":0}""", "limit")]
    [InlineData("""{"corpus":"workspace","query":"a","limit":101}""", "limit")]
    [InlineData("""{"corpus":"workspace","query":"a","limit":"many"}""", "limit takes a whole number from 1 to 100")]
    [InlineData("""{"corpus":"workspace","query":"a","limit":2.5}""", "limit takes a whole number")]
    [InlineData("""{"corpus":"workspace","query":"a","mode":"magic"}""", "mode takes hybrid, vector or text")]
    [InlineData("""{"corpus":"workspace","query":"a","mode":1}""", "mode takes hybrid, vector or text")]
    [InlineData("""{"corpus":"workspace","query":"a","minSimilarity":2}""", "minSimilarity")]
    [InlineData("""{"corpus":"workspace","query":"a","cursor":"bogus"}""", "cursor")]
    [InlineData("""{"corpus":"workspace","query":"a","where":[{"column":"password","=":"x"}]}""", "where[0]")]
    [InlineData("""{"corpus":"workspace","query":"a","where":{"number":7}}""", "where takes an array of conditions")]
    [InlineData("""{"corpus":"workspace","query":"a","kinds":"issue"}""", "kinds takes an array of strings")]
    [InlineData("""{"corpus":"workspace","query":"a","kinds":[null]}""", "kinds")]
    [InlineData("""{"corpus":"workspace","query":"a","where":[null]}""", "where takes an array of conditions")]
    [InlineData("""{"corpus":"workspace","vector":[1,2,3],"mode":"vector"}""", "vector")]
    [InlineData("""{"corpus":"workspace","vector":[1e99],"mode":"vector"}""", "vector")]
    [InlineData("""{"corpus":"workspace"}""", "query")]
    [InlineData("""{"query":"a"}""", "corpus is missing")]
    [InlineData("""{"corpus":"workspace","query":"a","filter":"x","scope":{}}""", "scope is not known here; known are: corpus, query")]
    [InlineData("[]", "$ is no JSON object")]
    [InlineData("", "it is empty")]
    public async Task What_cannot_be_used_is_refused_with_what_to_send(string body, string words)
    {
        var server = workspace.Server;

        var (status, answer, _) = await Ask(server, $"POST {Search}", new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.True(status == 400, $"{status} {answer.ToJsonString()}");
        Assert.Contains(words, answer.ToJsonString().Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("the of and")]
    [InlineData("!!!")]
    [InlineData("'\"")]
    [InlineData("\"unbalanced")]
    [InlineData("a\u0000b")]
    [InlineData("example.com/a:b?x=1")]
    [InlineData("a/b & c | !d <-> e:*")]
    [InlineData("'; DROP TABLE issues; --")]
    [InlineData("\u202Eשלום עולם")]
    [InlineData("ADR-031")]
    public async Task A_hostile_query_is_an_ordinary_one(string query)
    {
        var server = workspace.Server;

        foreach (var mode in new[] { "hybrid", "vector", "text" })
        {
            var (status, body, _) = await Ask(server, $"POST {Search}", new { corpus = "workspace", query, mode });
            Assert.True(status == 200, $"{mode} {status} {body.ToJsonString()}");
        }

        Assert.True(await workspace.Ask<long>("SELECT count(*) FROM issues") > 0);
    }

    [Fact]
    public async Task A_long_query_is_ordinary_and_a_longer_body_is_refused()
    {
        var server = workspace.Server;

        Assert.Equal(200, (await Ask(server, $"POST {Search}", new { corpus = "workspace", query = Words(10_000) })).Status);
        Assert.Equal(400, (await Ask(server, $"POST {Search}", new { corpus = "workspace", query = Words(10_001) })).Status);
        var (status, body, _) = await Ask(server, $"POST {Search}", new { corpus = "workspace", query = Words(300_000) });
        Assert.Equal((413, "A search is at most 262,144 bytes long."), (status, (string)body["detail"]!));
        // Half a character is no text.
        Assert.Equal(400, (await Ask(
            server, $"POST {Search}", new StringContent("""{"corpus":"workspace","query":"\ud800"}""", Encoding.UTF8, "application/json"))).Status);
    }

    [Fact]
    public async Task A_search_that_takes_more_than_15_seconds_is_ended_with_what_to_do()
    {
        await using var transaction = await workspace.Begin();
        await using var connection = transaction.Connection!;
        await using var locking = new NpgsqlCommand("LOCK TABLE issues IN ACCESS EXCLUSIVE MODE", connection, transaction);
        await locking.ExecuteNonQueryAsync();
        var begun = Stopwatch.GetTimestamp();

        var (status, body, response) = await Ask(workspace.Server, $"POST {Search}", new { corpus = "workspace", query = "e-mail" });

        Assert.Equal(503, status);
        Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 14.5, 25);
        Assert.Contains("The search was ended after 15 seconds", (string)body["detail"]!, StringComparison.Ordinal);
        Assert.NotNull(response.Headers.RetryAfter);
        await transaction.RollbackAsync();
        Assert.Equal(200, (await Ask(workspace.Server, $"POST {Search}", new { corpus = "workspace", query = "e-mail" })).Status);
        // Nothing goes on in the database after the answer.
        Assert.Equal(0, await workspace.Ask<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%embedding.search(%' "
                + "AND state = 'active' AND pid <> pg_backend_pid()"));
    }

    private static string Words(int length) => string.Concat(Enumerable.Repeat("lorem ipsum ", length / 12 + 1))[..length];

    private static IReadOnlyList<string> Ids(JsonNode body) => body["results"]!.AsArray().Select(item => (string)item!["id"]!).ToList();

    private static Task<(int Status, JsonNode Body, HttpResponseMessage Response)> Ask(
        Server server, string request, object? body = null) => Send(server, request, body, ("x-functions-key", ServerKey));
}
