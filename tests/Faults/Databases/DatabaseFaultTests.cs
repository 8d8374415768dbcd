using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Databases;

/// <summary>A real process on a Postgres that misbehaves.</summary>
public sealed class DatabaseFaultTests : FaultTest
{
    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(50) };

    [Fact]
    public async Task F45_Sessions_ended_every_200_milliseconds_lose_nothing()
    {
        await Fill(3, 80);
        using var done = new CancellationTokenSource();
        var ended = 0L;
        await using var worker = Start("worker-1", "--batch-size", "5");
        await Fake.WaitForRequestsAsync(2);
        var ending = Repeat.Every(TimeSpan.FromMilliseconds(200), async () => ended += await Sql.EndSessions(), done.Token);
        await Task.WhenAny(worker.Ended(), Task.Delay(TimeSpan.FromSeconds(5)));
        await done.CancelAsync();
        await ending;
        (await worker.Ended()).Exits(0);

        Assert.True(ended > 5, $"Only {ended} sessions were ended.");
        await Oracle.AssertHolds(Worker.BatchesInFlight * 5);
    }

    [Fact]
    public async Task F45_A_server_that_may_only_be_read_for_a_while_loses_nothing()
    {
        await Fill(2, 80);
        await using var worker = Start("worker-1", "--batch-size", "5");
        await Fake.WaitForRequestsAsync(3);
        await Sql.MakeReadOnly();
        await Task.Delay(TimeSpan.FromSeconds(2));
        await Sql.MakeWritable();
        await worker.Ended();

        await ForgetTheDead();
        await Finish();
        await Oracle.AssertHolds(Worker.BatchesInFlight * 5);
    }

    [Theory]
    [InlineData("issues")]
    [InlineData("embedding.claims")]
    public async Task F46_A_locked_table_is_waited_for_with_few_sessions_and_none_idle_in_a_transaction(string table)
    {
        await Fill(2, 100);
        await using var worker = Start("worker-1", "--batch-size", "5");
        await Fake.WaitForRequestsAsync(3);
        using var done = new CancellationTokenSource();
        var sampler = new SessionSampler(Database);
        var sampling = Repeat.Every(TimeSpan.FromMilliseconds(100), sampler.Sample, done.Token);
        await using (await Sql.Lock(table))
        {
            await Task.Delay(TimeSpan.FromSeconds(7));
        }

        (await worker.Ended()).Exits(0);
        await done.CancelAsync();
        await sampling;

        Assert.InRange(sampler.LongestIdleInTransaction, 0, 1);
        Assert.InRange(sampler.MostSessions, 1, (2 * Worker.BatchesInFlight) + 4);
        await Oracle.AssertHolds();
    }

    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    [InlineData("57014")]
    public async Task F47_Writes_that_lose_at_random_are_written_again_and_nothing_is_paid_twice(string state)
    {
        await Fill(2, 50);
        await Sql.Refuse(state, 0.03);
        await using var first = Start("worker-1", "--batch-size", "5");
        await using var second = Start("worker-2", "--batch-size", "5");
        await first.Ended();
        await second.Ended();

        await Sql.StopRefusing();
        await Finish();
        await Oracle.AssertHolds();
    }

    [Theory]
    [InlineData("53100")]
    [InlineData("25006")]
    public async Task F49_What_was_paid_while_no_row_could_be_written_is_not_paid_again(string state)
    {
        await Fill(2, 40);
        await Sql.Refuse(state);
        await using var worker = Start("worker-1");
        await Fake.WaitForRequestsAsync(2);
        await Task.Delay(TimeSpan.FromSeconds(2));
        await Sql.StopRefusing();
        await worker.Ended();

        await Finish();
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F52_Items_are_embedded_while_the_index_is_missing()
    {
        await Fill(1, 40);
        var index = await Database.Ask<string>(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'issues'::regclass AND pg_get_indexdef(indexrelid) LIKE "
                + "'%USING hnsw%'");
        await Database.Execute($"DROP INDEX {index}");
        await Finish();

        await Oracle.AssertHolds();
        (await Program.Run("migrate", "workspace")).Exits(0);
        Assert.Equal(
            1, await Database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE tablename = 'issues' AND indexdef LIKE '%USING hnsw%'"));
    }
}
