using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>Search keys in the Functions app, whose host has looked at the function key before.</summary>
public sealed class SearchKeyFaceTests : IAsyncLifetime, IDisposable
{
    private const string Key = "storefront-key-0123456789abcdef0123456789abcdef";

    private static readonly string[] _corpora = ["documents"];

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.json");
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        var sha256 = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(Key)));
        var keys = new[] { new { name = "a", sha256, corpora = _corpora } };
        await File.WriteAllTextAsync(_file, JsonSerializer.Serialize(new { keys }));
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("GET search?corpus=workspace&query=a", 403)]
    [InlineData("POST search", 403)]
    [InlineData("GET similar/workspace/issue/7", 403)]
    [InlineData("POST embed", 403)]
    [InlineData("GET corpora", 200)]
    public async Task Where_there_are_search_keys_a_search_needs_one_and_sees_what_it_shows(string request, int status)
    {
        await using var functions = await FunctionsHost.Start(_database.Source, _fake, searchKeysFile: _file);
        using var client = functions.Client();

        Assert.Equal(401, await Ask(client, request, null));
        Assert.Equal(401, await Ask(client, request, Key + "x"));
        Assert.Equal(status, await Ask(client, request, Key));
    }

    [Fact]
    public async Task Where_there_are_none_a_function_key_is_enough_and_a_search_key_is_not_known()
    {
        await using var functions = await FunctionsHost.Start(_database.Source, _fake);
        using var client = functions.Client();

        Assert.Equal(200, await Ask(client, "POST search", null));
        Assert.Equal(401, await Ask(client, "POST search", Key));
    }

    private static async Task<int> Ask(HttpClient client, string request, string? key)
    {
        var parts = request.Split(' ');
        using var message = new HttpRequestMessage(new HttpMethod(parts[0]), $"/api/embeddings/{parts[1]}");
        message.Content = parts[0] == "POST" ? new StringContent("""{"corpus":"workspace","query":"a"}""") : null;
        if (key is not null)
        {
            message.Headers.Add("x-search-key", key);
        }

        using var response = await client.SendAsync(message);
        return (int)response.StatusCode;
    }
}
