using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class LanesAcrossRunsTests
{
    [Fact]
    public async Task Three_runs_at_once_have_two_batches_of_a_partition_in_flight_between_them()
    {
        await using var fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(250) });
        await using var database = await TestDatabase.Migrated();
        var workspace = new TestWorkspace(database);
        await workspace.Items(await workspace.Repository(), 400);
        var engines = Enumerable.Range(0, 3).Select(_ => new TestEngine(database, fake)).ToList();

        var outcomes = await Task.WhenAll(engines.Select(engine => Task.Run(() => engine.Run())));

        Assert.Equal(2, fake.MaxInFlight);
        Assert.Equal((400, 0), (outcomes.Sum(outcome => outcome.Counts.Embedded), outcomes.Sum(outcome => outcome.Counts.Failed)));
        Assert.Equal(0L, fake.DuplicatePaidInputs);
        Assert.Empty(await workspace.Stale());
        foreach (var engine in engines)
        {
            await engine.DisposeAsync();
        }
    }

    [Fact]
    public async Task Without_declared_lanes_two_runs_use_all_that_their_processes_allow()
    {
        await using var fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(250) });
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, 800);
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        var engines = Enumerable.Range(0, 2).Select(_ => new TestEngine(
            database, fake, settings => settings with { CorporaFile = declared.File, Concurrency = 6 })).ToList();

        var outcomes = await Task.WhenAll(engines.Select(engine => Task.Run(
            () => engine.Run(new RunRequest("notes", [], Concurrency: 6)))));

        Assert.InRange(fake.MaxInFlight, 8, 12);
        Assert.Equal((800, 0), (outcomes.Sum(outcome => outcome.Counts.Embedded), outcomes.Sum(outcome => outcome.Counts.Failed)));
        Assert.Equal(0L, fake.DuplicatePaidInputs);
        foreach (var engine in engines)
        {
            await engine.DisposeAsync();
        }
    }
}
