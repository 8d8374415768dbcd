using System.Text.Json;
using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>A switch from its beginning to its end over HTTP, in the Functions app and in <c>embeddings serve</c>.</summary>
public sealed class SwitchFaceTests : IAsyncLifetime
{
    private const string Switch = "/api/embeddings/switches/notes";
    private const int Old = 16;
    private const int New = 32;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("embeddings-switch-");
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id bigint PRIMARY KEY, title text);
            INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 40) n
            """);
        (await Program(Old).Run("migrate", "notes")).Exits(0);
        (await Program(Old).Run("backfill", "notes")).Exits(0);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_Functions_app_takes_a_switch_from_its_beginning_to_its_end()
    {
        await using var host = await FunctionsHost.Start(_database.Source, _fake, File(New));
        using var client = host.Client();

        await TakeThrough(client);
    }

    [Fact]
    public async Task The_local_server_takes_a_switch_from_its_beginning_to_its_end_and_wants_its_key()
    {
        // No run of its own comes between: its schedule is seldom.
        await using var server = await Server.Start(Program(New));
        using var client = new HttpClient { BaseAddress = new Uri(server.Address) };
        using (var refused = await client.PostAsync(new Uri($"{Switch}/begin", UriKind.Relative), null))
        {
            Assert.Equal(401, (int)refused.StatusCode);
        }

        client.DefaultRequestHeaders.Add("x-functions-key", await System.IO.File.ReadAllTextAsync(server.KeyFile!));

        await TakeThrough(client);
    }

    private async Task TakeThrough(HttpClient client)
    {
        await Answers(client, $"GET {Switch}", 200, "\"switch\":null");
        await Answers(client, $"GET {Switch}?measure=perhaps", 400, "measure takes true or false");
        await Answers(client, "GET /api/embeddings/switches/laws", 404, "There is no corpus 'laws'");
        await Answers(client, $"POST {Switch}/turn", 404, "it is begin, flip, rollback, finish or abandon");
        await Answers(client, $"POST {Switch}/flip", 409, "it has one generation of vectors");

        await Answers(client, $"POST {Switch}/begin", 202, "\"isNew\":true", "\"other\":{\"number\":2");
        await Filled();
        await _database.Execute("UPDATE embedding.\"vectors_notes@2_note\" SET embedding_rule = NULL WHERE id = 7");
        await Answers(
            client, "GET /api/embeddings/status?corpus=notes", 200, "\"switch\":{\"generation\":2", "\"done\":39", "\"behind\":1");
        await Answers(client, $"POST {Switch}/flip", 409, "1 of 40 note wait for their vector", "?force=true");
        await Answers(client, $"POST {Switch}/rollback", 409, "there is none before it");
        await Answers(client, $"POST {Switch}/finish", 409, "give it up with");
        await Filled();

        await Answers(client, $"GET {Switch}?measure=true", 200, "\"recall\":", "\"done\":40", "\"isForward\":true");
        await Answers(client, $"POST {Switch}/flip?force=true", 200, "\"live\":{\"number\":2", "--rollback");
        Assert.Equal(New, await Live());
        await Answers(client, $"POST {Switch}/flip", 409, "is not for the declaration of this host");
        await Answers(client, $"POST {Switch}/abandon", 409, "'finish' removes it");
        await Answers(client, $"POST {Switch}/rollback", 200, "\"live\":{\"number\":1");
        Assert.Equal(Old, await Live());
        await Answers(client, $"POST {Switch}/flip?force=true", 200, "\"live\":{\"number\":2");
        await Answers(client, $"POST {Switch}/finish", 200, "\"removed\":1", "\"switch\":null");
        await Answers(client, $"POST {Switch}/begin", 409, "is declared as its vectors were made");
        Assert.Equal(New, await Live());
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname = 'vectors_notes_note'"));
    }

    // As hosts do it; whichever run was recorded has ended then.
    private async Task Filled()
    {
        (await Program(New).Run("backfill", "notes@2")).Exits(0);
        await Waiting.Until(async () => await _database.Ask<long>(
            "SELECT count(*) FROM embedding.jobs WHERE host = 'server' AND completed_at IS NULL") == 0);
        await _database.Execute("UPDATE embedding.jobs SET leased_until = now() WHERE completed_at IS NULL");
    }

    private static async Task Answers(HttpClient client, string what, int status, params string[] words)
    {
        var (method, address) = (what.Split(' ')[0], what.Split(' ')[1]);
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();

        Assert.True((int)response.StatusCode == status, $"{what} {(int)response.StatusCode} {body}");
        Assert.All(words, word => Assert.Contains(word, body, StringComparison.Ordinal));
        Assert.Equal("", await ApiDescription.Problem(method, address.Split('?')[0], response));
        Assert.Equal(
            status == 202, response.Headers.Location?.ToString().StartsWith("/api/embeddings/runs/", StringComparison.Ordinal) == true);
    }

    private Task<int> Live() => _database.Ask<int>("SELECT max(vector_dims(embedding)) FROM embedding.live_notes_note");

    private Cli.Tests.Program Program(int dimensions) => new Cli.Tests.Program(_database, _fake)
        .Set("CORPORA_FILE", File(dimensions)).Set("EMBEDDINGS_SCHEDULE", "0 0 0 1 1 *");

    private string File(int dimensions)
    {
        var file = Path.Combine(_folder.FullName, $"{dimensions}.json");
        System.IO.File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes",
                    store = "table",
                    dimensions,
                    startsPerMinute = 1_000,
                    schedule = "0 0 0 1 1 *",
                    tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
                },
            },
        }));
        return file;
    }
}
