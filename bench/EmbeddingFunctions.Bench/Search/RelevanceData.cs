using System.IO.Compression;
using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Local;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.Search;

/// <summary>Real documents and pull requests, of which only the bodies are searched: by the local model and by words.</summary>
internal sealed class RelevanceData : IAsyncDisposable
{
    public const string Document = "document";
    public const string PullRequest = "pull_request";

    // A shorter body says too little to be found by.
    private const int ShortestBody = 100;

    private static readonly string _folder = Path.Combine(Repository.Root, "..", "shared", "data");

    private readonly string _file = Path.GetTempFileName();
    private readonly TestDatabase _database;
    private readonly ServiceProvider _services;

    private RelevanceData(TestDatabase database)
    {
        _database = database;
        File.WriteAllText(_file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "texts",
                    dimensions = EmbeddingSettings.LocalDimensions,
                    index = new { build = "manual" },
                    tables = new[] { Table(Document), Table(PullRequest) },
                },
            },
        }));
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.Local,
            ProviderReason = "bench",
            CorporaFile = _file,
            QueryTimeout = TimeSpan.FromSeconds(20),
        };
        _services = new ServiceCollection().AddEmbeddings(settings, database.Source, () => new MiniLmModel()).BuildServiceProvider();
    }

    public ISearch Search => _services.GetRequiredService<ISearch>();

    /// <summary>The items that are searched, by kind.</summary>
    public IReadOnlyList<Item> Items { get; private set; } = [];

    /// <returns>Null where the repository stands without its shared data.</returns>
    public static async Task<RelevanceData?> Create(int most)
    {
        if (!Directory.Exists(_folder))
        {
            return null;
        }

        var data = new RelevanceData(await TestDatabase.Empty());
        await data.Fill(most);
        return data;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _database.DisposeAsync();
        File.Delete(_file);
    }

    private static object Table(string kind) => new
    {
        kind,
        table = $"{kind}s",
        text = "{body}",
        longText = "chunk",
        chunks = new { table = $"{kind}_chunks", maxTokens = 200, overlapTokens = 20 },
        search = new { language = "english" },
    };

    private async Task Fill(int most)
    {
        var documents = Lines("documents.jsonl.gz").Select(line => (Title: Text(line, "title"), Body: Text(line, "content")));
        var requests = Lines("workspace-items.jsonl.gz").Where(line => Text(line, "kind") == PullRequest)
            .Select(line => (Title: Text(line, "title"), Body: Text(line, "body")));
        Items = [.. Numbered(Document, documents, most), .. Numbered(PullRequest, requests, most)];
        foreach (var kind in Items.GroupBy(item => item.Kind))
        {
            await _database.Execute($"CREATE TABLE {kind.Key}s (id int PRIMARY KEY, body text NOT NULL)");
            await _database.Execute(
                $"INSERT INTO {kind.Key}s SELECT * FROM unnest($1::int[], $2::text[])", kind.Select(item => item.Id).ToArray(),
                kind.Select(item => item.Body).ToArray());
        }

        var corpus = _services.GetRequiredService<CorpusSet>().Get("texts");
        await _services.GetRequiredService<Migrator>().Migrate(corpus, new MigrationOptions(), null, CancellationToken.None);
        var outcome = await _services.GetRequiredService<InProcessEngine>()
            .Run(new RunRequest(corpus.Name, [], Concurrency: 2), null, CancellationToken.None);
        if (outcome.Status != RunStatus.Completed || outcome.Counts.Embedded != Items.Count)
        {
            throw new InvalidOperationException($"The backfill was not whole: {outcome}");
        }

        await _database.Execute("ANALYZE");
    }

    private static IEnumerable<Item> Numbered(string kind, IEnumerable<(string Title, string Body)> texts, int most) => texts
        .Where(text => text.Body.Length >= ShortestBody).Take(most)
        .Select((text, i) => new Item(kind, i + 1, text.Title, text.Body.Replace("\0", "", StringComparison.Ordinal)));

    private static IEnumerable<JsonElement> Lines(string name)
    {
        using var file = File.OpenRead(Path.Combine(_folder, name));
        using var text = new StreamReader(new GZipStream(file, CompressionMode.Decompress));
        while (text.ReadLine() is { } line)
        {
            yield return JsonDocument.Parse(line).RootElement;
        }
    }

    private static string Text(JsonElement line, string name) => line.GetProperty(name).GetString() ?? "";

    internal sealed record Item(string Kind, int Id, string Title, string Body);
}
