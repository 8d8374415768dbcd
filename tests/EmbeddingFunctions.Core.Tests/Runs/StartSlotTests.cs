using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>How many runs start at once.</summary>
public sealed class StartSlotTests : RunTest
{
    [Fact]
    public async Task Five_runs_start_at_once_and_later_ones_twelve_seconds_apart_none_is_dropped()
    {
        var starts = new List<DateTimeOffset>();
        for (var i = 0; i < 8; i++)
        {
            starts.Add(await StartOfEvent(i));
        }

        Assert.True(starts[4] - starts[0] < TimeSpan.FromSeconds(5), "Five start at once.");
        Assert.InRange((starts[5] - starts[0]).TotalSeconds, 11.9, 12.5);
        Assert.InRange((starts[6] - starts[5]).TotalSeconds, 11.9, 12.1);
        Assert.InRange((starts[7] - starts[6]).TotalSeconds, 11.9, 12.1);
    }

    [Fact]
    public async Task A_run_that_asks_again_has_the_slot_it_had_and_takes_no_other()
    {
        var run = Input();
        var first = await Lifecycle.Start(run, default);
        for (var i = 0; i < 10; i++)
        {
            Assert.InRange(await Lifecycle.Start(run, default) - first, TimeSpan.FromMilliseconds(-500), TimeSpan.FromMilliseconds(500));
        }

        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
        Assert.True(await Lifecycle.Start(Input(), default) - first < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Runs_that_are_cancelled_before_their_start_give_their_slots_back()
    {
        for (var i = 0; i < 40; i++)
        {
            await StartOfEvent(i);
        }

        await Database.Execute("UPDATE embedding.jobs SET status = 'cancelled', completed_at = now() WHERE starts_at > now()");

        Assert.InRange((await StartOfEvent(40) - DateTimeOffset.UtcNow).TotalSeconds, -10, 20);
    }

    [Fact]
    public async Task Slots_that_are_taken_at_once_are_twelve_seconds_apart_too()
    {
        var starts = (await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(() => StartOfEvent(i))))).Order().ToList();

        Assert.All(Enumerable.Range(6, 24), i => Assert.InRange((starts[i] - starts[i - 1]).TotalSeconds, 11, 13));
    }

    [Fact]
    public async Task A_persons_backfill_does_not_wait_behind_events()
    {
        for (var i = 0; i < 10; i++)
        {
            await StartOfEvent(i);
        }

        var asked = DateTimeOffset.UtcNow;
        Assert.InRange((await Lifecycle.Start(Input(), default) - asked).TotalSeconds, -1, 5);
    }

    [Fact]
    public async Task A_slot_of_a_clock_that_was_set_back_is_waited_for_no_longer_than_slots_last()
    {
        var first = await StartOfEvent(0);
        await Database.Execute("UPDATE embedding.start_slots SET arrival = now() + interval '1 year'");
        await Database.Execute("UPDATE embedding.jobs SET starts_at = now() + interval '1 year'");

        Assert.InRange((await StartOfEvent(1) - first).TotalSeconds, 0, 20);
    }

    // A run of its own scope, as an event on a server asks for it.
    private async Task<DateTimeOffset> StartOfEvent(int number)
    {
        var run = new RunInput(Guid.CreateVersion7(), new RunRequest("workspace", [], Limit: number + 1));
        await Database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, item_limit, host) VALUES ($1, 'workspace', '{}', $2, 'server')", run.RunId,
            number + 1);
        return await Lifecycle.Start(run, default);
    }
}
