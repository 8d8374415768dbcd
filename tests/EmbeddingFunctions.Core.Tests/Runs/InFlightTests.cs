using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class InFlightTests
{
    [Fact]
    public async Task More_batches_than_requests_are_in_flight_so_that_every_request_place_is_used_and_none_beyond()
    {
        const int Requests = 4;
        await using var fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(400) });
        await using var database = await TestDatabase.Migrated();
        await using var engine = new TestEngine(database, fake, settings => settings with { Concurrency = Requests });
        var workspace = new TestWorkspace(database);
        for (var repository = 0; repository < 5; repository++)
        {
            await workspace.Items(await workspace.Repository($"acme/{repository}"), 100, words: $"words {repository}");
        }

        var outcome = await engine.Run();

        Assert.Equal(500, outcome.Counts.Embedded);
        Assert.Equal(Requests, fake.MaxInFlight);
        Assert.True(engine.Settings.BatchesInFlight > Requests, "One batch must be loading while the others wait for their replies.");
    }
}
