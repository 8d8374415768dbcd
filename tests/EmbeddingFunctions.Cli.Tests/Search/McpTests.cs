using System.Net;
using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using static EmbeddingFunctions.Cli.Tests.Search.SearchedWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>The tools of agents, called by the official client over both transports.</summary>
public sealed class McpTests(SearchedWorkspace workspace) : IClassFixture<SearchedWorkspace>
{
    private const string Late = "Order confirmation e-mail arrives hours late";

    [Theory]
    [InlineData("stdio")]
    [InlineData("http")]
    public async Task An_agent_lists_searches_and_asks_for_more_like_it(string transport)
    {
        var server = transport == "http" ? workspace.Server : null;
        await using var agent = await Connect(server);

        Assert.Equal("embeddings", agent.ServerInfo!.Name);
        var tools = await agent.ListToolsAsync();
        Assert.Equal(["corpus_status", "search", "similar_items"], tools.Select(tool => tool.Name).Order());
        Assert.All(tools, tool => Assert.True(tool.ProtocolTool.Annotations!.ReadOnlyHint));
        Assert.All(tools, tool => Assert.NotNull(tool.ProtocolTool.OutputSchema));

        var status = await Answer(agent, "corpus_status", []);
        var corpus = Assert.Single(status.GetProperty("corpora").EnumerateArray());
        Assert.Equal("workspace", corpus.GetProperty("corpus").GetString());
        var issues = corpus.GetProperty("kinds").EnumerateArray().Single(kind => kind.GetProperty("kind").GetString() == "issue");
        Assert.Equal(issues.GetProperty("items").GetInt64(), issues.GetProperty("withVectors").GetInt64());

        var found = await Answer(agent, "search", new() { ["query"] = "order confirmation e-mail", ["limit"] = 3 });
        var first = found.GetProperty("results")[0];
        Assert.Equal((3, Late), (found.GetProperty("results").GetArrayLength(), first.GetProperty("title").GetString()));
        Assert.Equal("hybrid", found.GetProperty("mode").GetString());

        var similar = await Answer(agent, "similar_items", new()
        {
            ["corpus"] = "workspace",
            ["kind"] = first.GetProperty("kind").GetString(),
            ["id"] = first.GetProperty("id").GetString(),
        });
        Assert.NotEmpty(similar.GetProperty("results").EnumerateArray());
        Assert.DoesNotContain(
            similar.GetProperty("results").EnumerateArray(),
            item => item.GetProperty("id").GetString() == first.GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("search", """{"query":"a","corpus":"laws"}""", "There is no corpus 'laws'")]
    [InlineData("search", """{"query":"a","limit":1000}""", "limit")]
    [InlineData("search", """{"query":"a","limit":"ten"}""", "An argument has another type")]
    [InlineData("search", """{"query":"a","where":["number"]}""", "write it like 'state=open'")]
    [InlineData("search", """{"query":"a","where":["password=x"]}""", "password")]
    [InlineData("search", """{"query":"a","min_similarity":0.5}""", "There is no argument min_similarity: this tool takes query, corpus, mode")]
    [InlineData("search", "{}", "query")]
    [InlineData("similar_items", """{"kind":"issue","id":"00000000-0000-4000-8000-0000000000ff"}""", "00000000-0000-4000-8000-0000000000ff")]
    [InlineData("similar_items", """{"kind":"memo","id":"7"}""", "There is no item memo:7")]
    [InlineData("corpus_status", """{"corpus":"laws"}""", "There is no corpus 'laws' to be searched here; there are: workspace.")]
    public async Task An_error_says_what_to_do(string tool, string arguments, string words)
    {
        await using var agent = await Connect(null);

        var result = await agent.CallToolAsync(tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments)!);

        var text = Assert.IsType<TextContentBlock>(Assert.Single(result.Content)).Text;
        Assert.True(result.IsError, text);
        Assert.Contains(words, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_search_key_confines_an_agent_over_HTTP_and_options_confine_one_of_this_machine()
    {
        var server = workspace.Server;
        var own = workspace.Repositories["acme/storefront"];
        await using var remote = await Connect(server, ("x-search-key", StorefrontKey));
        await using var local = await Connect(null, options: ["--partition", own]);
        foreach (var agent in new[] { remote, local })
        {
            var found = await Answer(agent, "search", new() { ["query"] = "e-mail", ["limit"] = 100 });
            Assert.NotEmpty(found.GetProperty("results").EnumerateArray());
            Assert.All(found.GetProperty("results").EnumerateArray(), item => Assert.Equal(own, item.GetProperty("partition").GetString()));

            var refused = await agent.CallToolAsync(
                "search", new Dictionary<string, object?> { ["query"] = "e-mail", ["partition"] = workspace.Repositories["acme/mobile"] });
            Assert.True(refused.IsError);

            // How many rows the others have is not for it to know.
            var status = await Answer(agent, "corpus_status", []);
            Assert.All(
                status.GetProperty("corpora")[0].GetProperty("kinds").EnumerateArray(),
                kind => Assert.Equal(JsonValueKind.Null, kind.GetProperty("items").ValueKind));
        }
    }

    [Fact]
    public async Task Nothing_else_comes_in()
    {
        var server = workspace.Server;

        Assert.Equal(HttpStatusCode.Unauthorized, await Post(server));
        Assert.Equal(HttpStatusCode.Unauthorized, await Post(server, ("x-search-key", "wrong")));
        Assert.Equal(HttpStatusCode.OK, await Post(server, ("x-search-key", WholeKey)));
        Assert.Equal(HttpStatusCode.OK, await Post(server, ("x-functions-key", ServerKey)));
        Assert.Equal(HttpStatusCode.Forbidden, await Post(
            server, ("x-functions-key", ServerKey), ("Origin", "https://elsewhere.example")));
        // A name that was made to point at this machine.
        Assert.Equal(HttpStatusCode.Forbidden, await Post(
            server, ("x-functions-key", ServerKey), ("Host", "elsewhere.example")));
    }

    [Fact]
    public async Task Standard_output_holds_the_protocol_alone_and_the_program_ends_with_its_agent()
    {
        await using var running = workspace.Program().Set("EMBEDDINGS_LOG_LEVEL", "Trace").Start("mcp");

        var ended = await running.Ended();

        Assert.Equal((0, ""), (ended.ExitCode, ended.Out));
    }

    private static async Task<HttpStatusCode> Post(Server server, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp");
        request.Content = new StringContent(
            """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        request.Headers.Add("Accept", "application/json, text/event-stream");
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using var response = await server.Send(request);
        Assert.DoesNotContain(
            response.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
        return response.StatusCode;
    }

    private static async Task<JsonElement> Answer(McpClient agent, string tool, Dictionary<string, object?> arguments)
    {
        var result = await agent.CallToolAsync(tool, arguments);
        var text = Assert.IsType<TextContentBlock>(Assert.Single(result.Content)).Text;
        Assert.True(result.IsError != true, text);
        // Clients that know no structured content read the same as text.
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(text).RootElement, result.StructuredContent!.Value));
        return result.StructuredContent.Value;
    }

    private Task<McpClient> Connect(Server? server, (string, string)? key = null, params string[] options) => McpClient.CreateAsync(
        server is null
            ? new StdioClientTransport(new StdioClientTransportOptions
            {
                Command = Program.FullPath,
                Arguments = ["mcp", .. options],
                EnvironmentVariables = workspace.Program().Environment(),
            })
            : new HttpClientTransport(new HttpClientTransportOptions
            {
                Endpoint = new Uri($"{server.Address}/mcp"),
                AdditionalHeaders = new Dictionary<string, string>
                {
                    [key?.Item1 ?? "x-functions-key"] = key?.Item2 ?? ServerKey,
                },
            }));
}
