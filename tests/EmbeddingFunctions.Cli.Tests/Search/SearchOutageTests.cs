using System.Text.Json.Nodes;
using EmbeddingFunctions.Testing;
using static EmbeddingFunctions.Cli.Tests.Search.SearchedWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>Search over HTTP while the provider gives no vectors.</summary>
public sealed class SearchOutageTests : ProgramTest
{
    private const string Search = "POST /api/embeddings/search";
    private const string WrongKey = "sk-proj-canary7f3a9c51e0b84d26";

    private protected override FakeOpenAiOptions Options => new() { EchoWholeKey = true };

    [Fact]
    public async Task Without_a_vector_words_are_searched_and_a_search_by_meaning_is_told_to_try_again()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        (await Backfill()).Exits(0);
        await AsIfServed();
        await using var server = await Server.Start(Program);
        using var hold = Fake.Hold();

        var (hybrid, answer, _) = await Ask(server, "hybrid");
        var (vector, problem, response) = await Ask(server, "vector");

        Assert.Equal((200, "text"), (hybrid, (string)answer["mode"]!));
        Assert.Contains("Searched by words only", (string)answer["degraded"]!, StringComparison.Ordinal);
        Assert.Equal(503, vector);
        Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains("gave no vector", (string)problem["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_the_provider_repeats_in_its_refusal_is_shown_in_no_answer()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        (await Backfill()).Exits(0);
        await AsIfServed();
        await using var server = await Server.Start(Program.Set("OPENAI_API_KEY", WrongKey));
        foreach (var mode in new[] { "hybrid", "vector" })
        {
            var (_, answer, _) = await Ask(server, mode);
            Assert.DoesNotContain(WrongKey[8..], answer.ToJsonString(), StringComparison.Ordinal);
        }
    }

    private static Task<(int Status, JsonNode Body, HttpResponseMessage Response)> Ask(Server server, string mode) =>
        Send(server, Search, new { corpus = "workspace", query = "a question", mode });
}
