using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>What was done over time.</summary>
public sealed class TrendReportTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _engine = new TestEngine(_database, _fake);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Theory]
    [InlineData(1, 48, 1_800)]
    [InlineData(7, 56, 10_800)]
    [InlineData(30, 60, 43_200)]
    public async Task A_trend_has_a_point_for_each_step_up_to_now(int days, int points, double step)
    {
        var trend = await Of(days);

        Assert.Equal((points, step), (trend.Points.Count, trend.Step));
        Assert.All(trend.Points.Zip(trend.Points.Skip(1)), pair => Assert.Equal(step, (pair.Second.At - pair.First.At).TotalSeconds));
        var now = await _database.Ask<DateTime>("SELECT now()");
        Assert.InRange(now - trend.Points[^1].At.UtcDateTime, TimeSpan.Zero, TimeSpan.FromSeconds(step));
    }

    [Fact]
    public async Task What_a_run_did_is_in_the_point_of_its_time_and_of_its_corpus()
    {
        var workspace = new TestWorkspace(_database);
        var repository = await workspace.Repository();
        await workspace.Items(repository, 12);
        await _engine.Run();
        await _database.Execute("UPDATE issues SET embedding = NULL, embedding_state = NULL, content_hash = NULL, embedding_rule = NULL");
        await _database.Execute("DELETE FROM embedding.start_slots");
        await _engine.Run();
        // As if it had been the day before yesterday.
        await _database.Execute(
            """
            UPDATE embedding.batches SET finished_at = finished_at - interval '2 days';
            UPDATE embedding.requests SET sent_at = sent_at - interval '2 days';
            UPDATE embedding.lags SET minute = minute - interval '2 days';
            """);

        var week = (await Of(7)).Points;
        var point = Assert.Single(week, point => point.Vectors > 0);

        Assert.Equal(24, point.Vectors);
        Assert.Equal(_fake.PaidInputs.Sum(paid => (long)FakeTokens.Count(paid.Key) * paid.Value), point.Tokens);
        Assert.Equal(point.Tokens * 0.02m / 1_000_000, point.Dollars);
        Assert.True(point.Saved > 0, "The second run had its vectors from the cache.");
        Assert.InRange(point.LagP95!.Value, 0, 3_600);
        Assert.True(point.LagP50 <= point.LagP95);
        Assert.All((await Of(1)).Points, none => Assert.Equal((0L, null), (none.Vectors, none.LagP50)));
        Assert.All((await Of(7, "clips")).Points, none => Assert.Equal((0L, 0L), (none.Vectors, none.Tokens)));
    }

    private Task<Trend> Of(int days, string corpus = "workspace") =>
        _engine.Get<TrendReport>().Of(_engine.Get<CorpusSet>().GenerationsOf(corpus), days, default);
}
