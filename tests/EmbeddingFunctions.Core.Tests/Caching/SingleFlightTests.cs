using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Caching;

public sealed class SingleFlightTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    private CacheKey Key => new(new EmbeddingSettings { Provider = ProviderChoice.OpenAi, ProviderReason = "test" }, _database.Source);

    public async Task InitializeAsync() => _database = await TestDatabase.Migrated();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public async Task Workers_that_want_the_same_texts_at_the_same_time_pay_once(int workers)
    {
        await using var fake = await FakeOpenAi.StartAsync(new() { Latency = TimeSpan.FromMilliseconds(300) });
        var workspace = new TestWorkspace(_database);
        var words = $"{Guid.NewGuid()}";
        for (var repository = 0; repository < workers * 2; repository++)
        {
            await workspace.Items(await workspace.Repository($"acme/{repository}"), 30, words: words);
        }

        var engines = Enumerable.Range(0, workers).Select(_ => new TestEngine(_database, fake)).ToList();
        var runs = await Task.WhenAll(engines.Select(engine => engine.Run()));
        engines.ForEach(engine => engine.DisposeAsync().AsTask().Wait());

        Assert.Equal(60 * workers, runs.Sum(run => run.Counts.Embedded));
        Assert.Equal((30L, 0L), (fake.PaidInputCount, fake.DuplicatePaidInputs));
        Assert.Equal((60 * workers) - 30, runs.Sum(run => run.Counts.Cached));
        Assert.True(runs.Sum(run => run.Counts.SavedTokens) > 0);
        Assert.Empty(await workspace.Stale());
    }

    [Fact]
    public async Task A_mark_stands_as_long_as_its_batch_holds_its_claims()
    {
        var flights = new SingleFlight(_database.Source, Key);
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        await Claim(first);

        Assert.Equal(["a", "b"], (await flights.Take(["a", "b"], first, default)).Order());
        Assert.Equal(["c"], await flights.Take(["b", "c"], second, default));
        Assert.Equal(["a", "b"], (await flights.Take(["a", "b"], first, default)).Order());
        await _database.Execute("UPDATE embedding.claims SET leased_until = now() - interval '1 second'");

        Assert.Equal(["b"], await flights.Take(["b"], second, default));
    }

    [Fact]
    public async Task Claims_that_came_while_a_mark_was_waited_for_are_seen()
    {
        var flights = new SingleFlight(_database.Source, Key);
        var (dead, token) = (Guid.NewGuid(), Guid.NewGuid());
        await Claim(dead);
        await flights.Take(["a", "b"], dead, default);
        await _database.Execute("UPDATE embedding.claims SET leased_until = now() - interval '1 second'");
        await using var other = await _database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        // Of two marks in the order of their keys, the first.
        await using (var hold = new NpgsqlCommand("SELECT 1 FROM embedding.flights ORDER BY key LIMIT 1 FOR UPDATE", other))
        {
            await hold.ExecuteNonQueryAsync();
        }

        var late = flights.Take(["a", "b"], Guid.NewGuid(), default);
        while (
            await _database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 0)
        {
            Assert.False(late.IsCompleted, "It did not wait for the mark.");
        }

        await Claim(token, item: 2);
        await _database.Execute(
            "UPDATE embedding.flights SET token = $1 WHERE key = (SELECT key FROM embedding.flights ORDER BY key DESC LIMIT 1)", token);
        await transaction.CommitAsync();

        Assert.Single(await late);
    }

    [Fact]
    public async Task Marks_of_batches_that_are_over_are_cleared_away()
    {
        var flights = new SingleFlight(_database.Source, Key);
        foreach (var batch in Enumerable.Range(0, 30_000).Select(i => $"text {i}").Chunk(1_000))
        {
            await flights.Take(batch, Guid.NewGuid(), default);
        }

        Assert.InRange(await _database.Ask<long>("SELECT count(*) FROM embedding.flights"), 0, 10_000);
    }

    [Fact]
    public async Task Without_a_database_each_pays_for_its_own()
    {
        await using var nowhere = Database.Open("Host=127.0.0.1;Port=1;Timeout=2");

        Assert.Equal(["a", "b"], (await new SingleFlight(nowhere, Key).Take(["a", "b"], Guid.NewGuid(), default)).Order());
    }

    private Task Claim(Guid token, int item = 1) => _database.Execute(
        $"INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until) VALUES ('workspace', 'issue', '{item}', "
            + $"'1', '{token}', now() + interval '30 seconds')");
}
