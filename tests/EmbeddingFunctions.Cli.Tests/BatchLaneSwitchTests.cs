using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>A switch to another model whose generation is filled on the batch lane.</summary>
public sealed class BatchLaneSwitchTests : IAsyncLifetime
{
    private const int Items = 40;

    private readonly TestFolder _folder = new();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        await _database.Execute(
            $"""
            CREATE TABLE notes (id bigint PRIMARY KEY, title text);
            INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, {Items}) n
            """);
        (await Program("small").Run("migrate", "notes")).Exits(0);
        (await Program("small").Run("backfill", "notes")).Exits(0);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_next_generation_is_filled_at_half_the_price_and_flipped_to()
    {
        var requests = _fake.RequestCount;

        var filled = await Program("large").Run("switch", "notes", "--yes", "--lane", "batch", "--json");

        // How fast a search is depends on what else the machine does, and may keep the gate shut.
        Assert.True(filled.ExitCode is 0 or 3, filled.Error);
        var kind = filled.Json.GetProperty("switch").GetProperty("kinds")[0];
        Assert.Equal((Items, 0), (kind.GetProperty("done").GetInt32(), kind.GetProperty("behind").GetInt32()));
        Assert.Equal((requests, Items), (_fake.RequestCount, _fake.Batches.All.Single().InputCount));
        Assert.Equal(1, await _database.Ask<long>(
            """
            SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
            WHERE  i.indrelid = 'embedding."vectors_notes@2_note"'::regclass AND m.amname = 'hnsw' AND i.indisvalid
            """));
        (await Program("large").Run("switch", "notes", "--flip", "--yes")).Exits(0);
        Assert.Equal(
            Items, await _database.Ask<long>(
                "SELECT count(embedding) FROM embedding.live_notes_note WHERE embedding_model = 'text-embedding-3-large'"));
    }

    [Fact]
    public async Task A_generation_whose_batches_are_on_their_way_is_not_abandoned()
    {
        _fake.Batches.Duration = TimeSpan.FromHours(1);
        await using (var running = Program("large").Start("switch", "notes", "--yes", "--lane", "batch"))
        {
            await running.Says("on the provider's batch lane");
            running.Signal(Running.SigInt);
            await running.Ended();
        }

        (await Program("large").Run("switch", "notes", "--abandon")).Exits(2).Says("A run of 'notes@2' is on the batch lane, with 1 batch")
            .Says("'embeddings backfill notes@2 --lane batch --cancel'");
        (await Program("large").Run("backfill", "notes@2", "--lane", "batch", "--cancel")).Exits(0);
        (await Program("large").Run("switch", "notes", "--abandon")).Exits(0);
        Assert.Equal(Items, await _database.Ask<long>("SELECT count(embedding) FROM embedding.live_notes_note"));
    }

    [Fact]
    public async Task A_provider_without_the_lane_is_refused_before_anything_is_made()
    {
        (await Program("large").Set("EMBEDDING_BATCH_API", "false").Run("switch", "notes", "--yes", "--lane", "batch"))
            .Exits(2).Says("The batch lane is OpenAI's");

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.generations"));
    }

    private Program Program(string model)
    {
        var file = Path.Combine(_folder.Path, $"{model}.json");
        File.WriteAllText(
            file,
            $$"""
            { "corpora": [ { "name": "notes", "dimensions": 32, "store": "table", "startsPerMinute": 1000,
                "model": "text-embedding-3-{{model}}", "index": { "build": "after" },
                "tables": [ { "kind": "note", "table": "notes", "text": "{title}" } ] } ] }
            """);
        return new Program(_database, _fake).Set("CORPORA_FILE", file).Set("EMBEDDING_BATCH_API", "true");
    }
}
