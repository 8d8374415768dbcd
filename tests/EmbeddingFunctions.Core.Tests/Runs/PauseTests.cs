using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>While a corpus is paused nothing of it begins, and what is in flight ends.</summary>
public sealed class PauseTests : RunTest
{
    private const string Corpus = "workspace";

    private Pauses Pauses => Engine.Get<Pauses>();

    [Fact]
    public async Task What_is_in_flight_ends_nothing_else_begins_and_the_run_goes_on_when_it_is_resumed()
    {
        await Workspace.Items(await Workspace.Repository(), 40);
        await using var another = new TestEngine(Database, Fake);
        var hold = Fake.Hold();
        var notes = new List<string>();
        var run = Engine.Run(
            new RunRequest(Corpus, [], Concurrency: 2, BatchSize: 5),
            progress => { lock (notes) { notes.Add(progress.Note ?? ""); } });
        // The first request finds out whether the provider works; the second batch has begun too, and waits for that.
        await hold.WaitForHeldAsync(1);
        await Until(() => Database.Ask<long>("SELECT count(*) FROM embedding.claims"), 10);

        await another.Get<Pauses>().Pause(Corpus, default);
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        hold.Release();
        await Until(() => Workspace.Embedded(), 10);
        await Task.Delay(TimeSpan.FromSeconds(2));

        Assert.Equal((10L, 2), (await Workspace.Embedded(), Fake.RequestCount));
        Assert.False(run.IsCompleted);
        lock (notes)
        {
            Assert.Contains("paused until a person resumes the corpus", notes);
        }

        Assert.True(await another.Get<Pauses>().Resume(Corpus, default));
        var outcome = await run;
        Assert.Equal((RunStatus.Completed, 40), (outcome.Status, outcome.Counts.Embedded));
        var recorded = (await Engine.Get<RunHistory>().Find(outcome.RunId, default))!.Run;
        var wait = Assert.Single((await Engine.Get<RunTimeline>().Of(recorded, default)).Waits);
        Assert.Equal("paused", wait.Cause);
        Assert.True(wait.EndsAt - wait.BeganAt >= Pauses.LookAgain);
    }

    [Fact]
    public async Task A_command_is_refused_with_what_to_do()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await Pauses.Pause(Corpus, default);

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Engine.Run());

        Assert.Contains("'embeddings resume workspace'", refused.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0L), (Fake.RequestCount, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs")));
    }

    [Fact]
    public async Task No_host_starts_a_run_of_it()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await Pauses.Pause(Corpus, default);
        var host = new RecordingEngine();

        Assert.Empty(await Engine.Get<RunScheduler>().StartDue(host, default));
        Assert.Equal(
            TriggerResult.Nothing, await Engine.Get<RunScheduler>().Wake(host, Engine.Get<CorpusSet>().Live(Corpus), default));

        await Pauses.Resume(Corpus, default);
        Assert.Equal(
            TriggerResult.Recorded, await Engine.Get<RunScheduler>().Wake(host, Engine.Get<CorpusSet>().Live(Corpus), default));
    }

    [Fact]
    public async Task Status_shows_it_and_a_second_pause_leaves_the_first()
    {
        var since = await Pauses.Pause(Corpus, default);
        Assert.Equal(since, await Pauses.Pause(Corpus, default));

        Assert.Equal(since, (await Engine.Get<StatusReport>().Of(Corpus, default)).PausedAt);

        Assert.True(await Pauses.Resume(Corpus, default));
        Assert.False(await Pauses.Resume(Corpus, default));
        Assert.Null((await Engine.Get<StatusReport>().Of(Corpus, default)).PausedAt);
    }

    [Fact]
    public async Task A_generation_is_paused_with_its_corpus()
    {
        await Pauses.Pause(Corpus, default);
        Assert.True(await Pauses.IsPaused("workspace@2", default));
        Assert.False(await Pauses.IsPaused("another", default));
    }

    [Fact]
    public async Task A_database_of_an_earlier_version_is_not_paused()
    {
        await Database.Execute("DROP TABLE embedding.pauses");
        Assert.False(await Pauses.IsPaused(Corpus, default));
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Pauses.Pause(Corpus, default));
    }

    private static async Task Until(Func<Task<long>> count, long expected)
    {
        for (var i = 0; i < 300 && await count() != expected; i++)
        {
            await Task.Delay(100);
        }

        Assert.Equal(expected, await count());
    }
}
