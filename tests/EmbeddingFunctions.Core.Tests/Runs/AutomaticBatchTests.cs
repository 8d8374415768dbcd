using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Runs over a table whose declaration names no batch size.</summary>
public sealed class AutomaticBatchTests
{
    [Fact]
    public async Task Requests_grow_as_long_as_that_embeds_more_rows_a_second()
    {
        var (outcome, fake) = await Run(
            rows: 12_000, new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(100), KeepTexts = false });

        await using (fake)
        {
            Assert.Equal(12_000, outcome.Counts.Embedded);
            Assert.InRange(outcome.Counts.Requests, 12_000 / 2_048, 12_000 / 128);
            Assert.Equal(0L, fake.DuplicatePaidInputs);
        }
    }

    [Fact]
    public async Task Little_work_is_divided_among_all_that_may_be_in_flight()
    {
        var (outcome, fake) = await Run(rows: 160, new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(300) });

        await using (fake)
        {
            Assert.Equal(160, outcome.Counts.Embedded);
            Assert.InRange(outcome.Counts.Requests, 6, 8);
            Assert.InRange(fake.MaxInFlight, 6, 8);
        }
    }

    [Fact]
    public async Task Requests_grow_within_the_orders_of_a_page_as_well()
    {
        const int Rows = 2_000;
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, Rows);
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        await using var engine = new TestEngine(database, fake, settings => settings with { CorporaFile = declared.File });

        // All that the limit allows is one page, which is planned before anything is known.
        var outcome = await new ReplayingEngine(engine.Get<RunActivities>(), seed: 1).Run(new RunInput(
            Guid.CreateVersion7(), new RunRequest("notes", [], Limit: Rows) { BatchesPerActivity = 5 }));

        Assert.Equal((Rows, 0L), (outcome.Counts.Embedded, fake.DuplicatePaidInputs));
        Assert.InRange(fake.RequestCount, Rows / 256, (Rows / BatchSizes.First) - 3);
        Assert.Contains(fake.Requests, request => request.InputCount == 2 * BatchSizes.First);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(25)]
    [InlineData(100)]
    public async Task A_provider_that_accepts_fewer_inputs_is_asked_for_no_more_once_that_is_known(int accepted)
    {
        var (outcome, fake) = await Run(rows: 2_000, new FakeOpenAiOptions { MaxInputs = accepted });

        await using (fake)
        {
            Assert.Equal((2_000, 0), (outcome.Counts.Embedded, outcome.Counts.Failed));
            Assert.Equal(0L, fake.DuplicatePaidInputs);
            // Each of those in flight finds it out once, by halving.
            var refused = fake.Requests.Count(request => request.Status == 400);
            Assert.InRange(refused, 1, 8 * 7);
            Assert.All(fake.Requests.TakeLast(4), request => Assert.InRange(request.InputCount, 1, accepted));
        }
    }

    [Fact]
    public async Task Of_more_rows_than_a_request_holds_the_one_that_is_refused_is_the_one_that_fails()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, rows: 3_000);
        await database.Execute("UPDATE notes SET title = 'x' || id; UPDATE notes SET title = 'poison' WHERE id = 2500");
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        await using var engine = new TestEngine(database, fake, settings => settings with { CorporaFile = declared.File });
        using var bad = fake.Script(Requests.WithInput(text => text == "poison"), Fault.BadInput());

        var outcome = await engine.Run(new RunRequest("notes", [], Concurrency: 1, BatchSize: 3_000));

        Assert.Equal((2_999, 1), (outcome.Counts.Embedded, outcome.Counts.Failed));
        Assert.Equal(2500, await database.Ask<long>("SELECT id FROM notes WHERE embedding IS NULL"));
        Assert.All(fake.Requests, request => Assert.InRange(request.InputCount, 1, 2_048));
        Assert.Contains(fake.Requests, request => request.InputCount > 500);
    }

    [Fact]
    public async Task Another_process_knows_how_many_inputs_the_provider_accepts()
    {
        await using var fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { MaxInputs = 25 });
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, rows: 200);
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        async Task<int> Refused()
        {
            await using var process = new TestEngine(database, fake, settings => settings with { CorporaFile = declared.File });
            Assert.Equal(200, (await process.Run(new RunRequest("notes", []))).Counts.Embedded);
            return fake.Requests.Count(request => request.Status == 400);
        }

        var refused = await Refused();
        await database.Execute("UPDATE notes SET title = title || ' again'");

        Assert.InRange(refused, 1, 100);
        Assert.Equal(refused, await Refused());
    }

    [Theory]
    [InlineData(30, 0)]
    [InlineData(160, 0)]
    [InlineData(450, 2)]
    public async Task Requests_are_predicted_as_about_what_a_run_sends(int rows, int fewer)
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, rows);
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        await using var engine = new TestEngine(database, fake, settings => settings with { CorporaFile = declared.File });
        var request = new RunRequest("notes", [], Concurrency: engine.Settings.BatchesInFlight);

        var predicted = await engine.Get<DryRun>().Predict(request, default);

        var sent = (await engine.Run(request)).Counts.Requests;
        Assert.False(predicted.AreRequestsExact);
        // The next page is divided by what no batch has claimed at that moment, and two that claim then may leave each other less.
        Assert.InRange(sent, predicted.Requests - fewer, predicted.Requests + 2);
        Assert.True((await engine.Get<DryRun>().Predict(request with { BatchSize = 20 }, default)).AreRequestsExact);
    }

    private static async Task<(RunOutcome Outcome, FakeOpenAi Fake)> Run(int rows, FakeOpenAiOptions options)
    {
        var fake = await FakeOpenAi.StartAsync(options);
        await using var database = await TestDatabase.Empty();
        await using var notes = await Declarations.CreateNotes(database, rows);
        await using var declared = new DeclaredCorpus(database.Source, Declarations.Notes(), model: "text-embedding-3-small");
        await declared.Migrate();
        await using var engine = new TestEngine(database, fake, settings => settings with { CorporaFile = declared.File, Concurrency = 8 });
        return (await engine.Run(new RunRequest("notes", [], Concurrency: 8)), fake);
    }
}
