using System.Text.Json;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>Vectors in a table beside the rows, with a key of two columns, and texts in chunks.</summary>
public sealed class LaneStoreTests : IAsyncLifetime
{
    private static readonly string[] _key = ["tenant", "id"];

    private readonly string _file = Path.GetTempFileName();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (tenant text, id bigint, title text, PRIMARY KEY (tenant, id));
            INSERT INTO notes SELECT 't ' || n % 3, n, 'note ' || n FROM generate_series(1, 12) n;
            """);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
        File.Delete(_file);
    }

    [Fact]
    public async Task A_companion_table_with_a_composite_key_is_filled()
    {
        await using var engine = await Engine(new { kind = "note", table = "notes", key = _key, text = "{title}" });

        await Run(engine, midway: "UPDATE notes SET title = 'edited' WHERE id = 1");

        Assert.Equal(12, await _database.Ask<long>("SELECT count(*) FROM embedding.vectors_notes_note WHERE embedding IS NOT NULL"));
        Assert.Equal((13, 0), (_fake.PaidInputCount, _fake.DuplicatePaidInputs));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.claims"));
    }

    private static async Task Run(TestEngine engine, string midway)
    {
        var lanes = engine.Get<LaneRuns>();
        var run = await lanes.Begin(new RunRequest("notes", []), default);
        await lanes.Advance(run, default);
        await engine.Get<Npgsql.NpgsqlDataSource>().CreateCommand(midway).ExecuteNonQueryAsync();
        for (var steps = 0; steps < 10; steps++)
        {
            await engine.Get<Npgsql.NpgsqlDataSource>().CreateCommand("UPDATE embedding.lane_runs SET next_at = now()")
                .ExecuteNonQueryAsync();
            await lanes.Advance(run, default);
        }
    }

    private async Task<TestEngine> Engine(object table)
    {
        var corpus = new { name = "notes", dimensions = 16, store = "table", startsPerMinute = 1_000, tables = new[] { table } };
        await File.WriteAllTextAsync(_file, JsonSerializer.Serialize(new { corpora = new[] { corpus } }));
        var engine = new TestEngine(
            _database.Source, _fake, settings => settings with { HasBatchApi = true, CorporaFile = _file },
            services: services => services.AddSingleton(new LaneLimits { InputsPerLine = 5 }));
        await engine.Get<Migrator>().Migrate(
            engine.Get<CorpusSet>().Get("notes"), new MigrationOptions(SampleTables: null), null, CancellationToken.None);
        return engine;
    }
}
