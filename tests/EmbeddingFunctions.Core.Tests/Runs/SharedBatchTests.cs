using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Small requests of a declared size share a claim and a write.</summary>
public sealed class SharedBatchTests
{
    private const int Inputs = 20;

    [Fact]
    public async Task Requests_of_a_declared_size_share_claims_and_writes_and_no_more_are_in_flight_than_may_be()
    {
        var (outcome, fake, batches) = await Run(rows: 2_000, new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(50) });

        await using (fake)
        {
            Assert.Equal((2_000, 100), (outcome.Counts.Embedded, outcome.Counts.Requests));
            Assert.All(fake.Requests, request => Assert.InRange(request.InputCount, 1, Inputs));
            Assert.InRange(fake.MaxInFlight, 6, 8);
            Assert.InRange(batches, 20, 60);
        }
    }

    [Fact]
    public async Task Little_work_keeps_all_places_in_flight_filled()
    {
        var (outcome, fake, _) = await Run(rows: 8 * Inputs, new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(300) });

        await using (fake)
        {
            Assert.Equal(8, outcome.Counts.Requests);
            Assert.InRange(fake.MaxInFlight, 6, 8);
        }
    }

    [Fact]
    public async Task A_request_that_fails_takes_nothing_from_those_beside_it()
    {
        var (outcome, fake, _) = await Run(
            rows: 400, new FakeOpenAiOptions(),
            fake =>
            {
                fake.Script(Requests.Where(request => request.Number % 3 == 0).Times(6), Fault.ServerError());
                fake.Script(Requests.WithInput(input => input == "note 77"), Fault.BadInput());
            });

        await using (fake)
        {
            Assert.Equal((RunStatus.Completed, 399, 1), (outcome.Status, outcome.Counts.Embedded, outcome.Counts.Failed));
            Assert.Equal(0L, fake.DuplicatePaidInputs);
        }
    }

    private static async Task<(RunOutcome Outcome, FakeOpenAi Fake, long Batches)> Run(
        int rows, FakeOpenAiOptions options, Action<FakeOpenAi>? prepare = null)
    {
        var fake = await FakeOpenAi.StartAsync(options);
        prepare?.Invoke(fake);
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, rows);
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        await using var engine = new TestEngine(database, fake, settings => settings with { CorporaFile = declared.File, Concurrency = 8 });
        var outcome = await engine.Run(new RunRequest("notes", [], Concurrency: 8, BatchSize: Inputs));
        return (outcome, fake, await database.Ask<long>("SELECT count(*) FROM embedding.batches"));
    }
}
