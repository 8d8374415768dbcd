using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Seeds;

/// <summary>The faults of the clips' old system, by their numbers.</summary>
public sealed class ClipsBugTests : ClipsTest
{
    private const string Forget = "UPDATE clips SET embedding = NULL, embedding_rule = NULL";

    [Fact]
    public async Task C1_every_request_asks_for_as_many_dimensions_as_the_column_has()
    {
        await Clips(60, "1 day");

        Assert.Equal(60, (await Backfill()).Counts.Embedded);

        Assert.All(Fake.Requests, request => Assert.Equal(768, request.Dimensions));
        Assert.Equal(60, await Database.Ask<long>("SELECT count(*) FROM clips WHERE vector_dims(embedding) = 768"));
    }

    [Fact]
    public async Task C2_backfill_visits_every_clip_though_the_pending_set_shrinks()
    {
        await Clips(237, "1 day");

        Assert.Equal(237, (await Backfill(Request() with { PageSize = 20, BatchSize = 10 })).Counts.Embedded);

        Assert.Equal((237L, 0L), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM clips WHERE embedding IS NULL"));
    }

    [Fact]
    public async Task C3_the_cache_tells_providers_and_dimensions_apart()
    {
        await Clip("Fail");
        await Backfill();
        await Database.Execute(Forget);
        await Backfill();
        Assert.Equal(1, Fake.RequestCount);

        await using var other = await FakeOpenAi.StartAsync();
        await using var engine = new TestEngine(Database, other);
        await Database.Execute(Forget);
        await engine.Run(Request());
        Assert.Equal(1, other.RequestCount);

        await using var notes = await Notes();
        await notes.Engine.Run(Request() with { Corpus = "notes" });
        Assert.Equal((2, 16), (Fake.RequestCount, Fake.Requests[^1].Dimensions));
    }

    [Fact]
    public async Task C4_a_dry_run_makes_no_call_and_fills_no_cache()
    {
        await Clips(3, "1 day");

        Assert.Equal(
            (3, 1),
            await Engine.Get<DryRun>().Predict(Request(), default) is var prediction ? (prediction.Items, prediction.Requests) : default);

        Assert.Equal((0, 0L), (Fake.RequestCount, await Database.Ask<long>("SELECT count(*) FROM embedding.cache")));
    }

    [Fact]
    public async Task C5_a_backfill_that_embedded_nothing_is_failed()
    {
        await Clips(3, "1 day");
        using var bad = Fake.Script(Requests.All, Fault.BadInput());

        var run = await Backfill();

        Assert.Equal((RunStatus.Failed, 0, 3), (run.Status, run.Counts.Processed, run.Counts.Failed));
    }

    [Fact]
    public async Task C6_a_refused_key_or_text_is_asked_once_and_a_full_provider_when_it_says()
    {
        await Clip("Fail");
        using (Fake.Script(Requests.All, Fault.BadKey()))
        {
            await Backfill();
        }

        Assert.Equal(1, Fake.RequestCount);
        await Database.Execute("DELETE FROM embedding.limiters");
        await using (var engine = new TestEngine(Database, Fake))
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            await engine.Run(Request());
        }

        Assert.Equal(2, Fake.RequestCount);
        await Database.Execute("DELETE FROM embedding.claims");
        await using var third = new TestEngine(Database, Fake);
        Fake.Script(Requests.Next(1), Fault.RateLimited(TimeSpan.FromSeconds(2)));
        Assert.Equal(1, (await third.Run(Request())).Counts.Embedded);
        Assert.True(Fake.Requests[3].ArrivedAt - Fake.Requests[2].ArrivedAt >= TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task C7_the_schedule_embeds_an_edited_clip_again_however_old_it_is()
    {
        await Clip("old", age: "1 year");
        await Clip("older", age: "2 years");
        await Backfill();
        await Clip("never embedded", age: "1 year");
        await Database.Execute("UPDATE clips SET title = 'edited' WHERE title = 'older'");

        Assert.Equal((1, 1), await Scheduled());
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM clips WHERE embedding IS NULL AND title = 'never embedded'"));
        Assert.Equal((1L, 1L), await Coverage() is var clips ? (clips.Pending, clips.LeftToBackfill) : default);
    }

    [Fact]
    public async Task C7_the_schedule_gives_a_poison_clip_three_attempts()
    {
        await Clip("poison");
        await Clip("fine");
        using var bad = Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());
        for (var moment = 0; moment < 6; moment++)
        {
            await Scheduled();
            await Database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second' WHERE NOT is_dead");
        }

        Assert.Equal((1L, 0L, 1L), await Coverage() is var clips ? (clips.Embedded, clips.Pending, clips.Failed) : default);
        Assert.Equal(
            3, Fake.Requests.Count(request => request.Texts.Count == 1 && request.Texts[0].Contains("poison", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task C8_fifty_clips_are_one_request()
    {
        await Clips(50, "1 day");

        await Backfill();

        Assert.Equal(50, Assert.Single(Fake.Requests).InputCount);
    }

    [Fact]
    public async Task C9_more_results_go_on_where_fewer_ended()
    {
        await Clips(40, "1 day");
        await Backfill();
        var search = Engine.Get<SimilarItems>();

        var (few, more) = (
            await search.ToTitle("clips", "clip 1 day 5", 9, default), await search.ToTitle("clips", "clip 1 day 5", 29, default));

        Assert.Equal(few, more.Take(10));
        Assert.Equal((30, 30), (more.Count, more.DistinctBy(clip => clip.Id).Count()));
    }

    [Fact]
    public async Task C10_what_a_search_cannot_find_yet_is_reported_by_the_status()
    {
        await Clips(3, "1 day");
        await Backfill();
        await Clip("not embedded yet");

        Assert.Equal(3, (await Engine.Get<SimilarItems>().ToTitle("clips", "clip 1 day 1", 10, default)).Count);
        var kind = Assert.Single((await Engine.Get<StatusReport>().Of("clips", default)).Kinds);
        Assert.Equal((4L, 3L, 1L), (kind.Total, kind.Embedded, kind.Pending));
    }

    [Fact]
    public async Task C11_two_processes_on_one_database_share_one_limit()
    {
        await Clips(8, "1 day");
        TestEngine Limited() => new(Database, Fake, settings => settings with { RequestsPerMinute = 120 });
        await using var first = Limited();
        await using var second = Limited();

        var runs = await Task.WhenAll(first.Run(Request() with { BatchSize = 1 }), second.Run(Request() with { BatchSize = 1 }));

        Assert.All(runs, run => Assert.InRange(run.Counts.Requests, 1, 7));
        var arrivals = Fake.Requests.Select(request => request.ArrivedAt).Order().ToList();
        Assert.Equal(8, arrivals.Count);
        // Two a second for both together, with a little for the way there.
        Assert.True(arrivals[^1] - arrivals[0] >= TimeSpan.FromSeconds(3), $"Eight requests came within {arrivals[^1] - arrivals[0]}.");
    }

    [Fact]
    public async Task C12_a_backfill_of_many_pages_holds_few_connections()
    {
        await Clips(600, "1 day");
        await using var few = Hosting.Database.Open(
            new Npgsql.NpgsqlConnectionStringBuilder(Database.ConnectionString) { MaxPoolSize = 3 }.ConnectionString);
        await using var engine = new TestEngine(few, Fake);

        Assert.Equal(600, (await engine.Run(Request() with { PageSize = 10, BatchSize = 5 })).Counts.Embedded);
    }

    private async Task<NotesEngine> Notes()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, """{ "corpora": [{ "name": "notes", "dimensions": 16, "store": "column", "tables": [{ "kind": "note", "table": "notes", "text": "{title}" }] }] }""");
        await Database.Execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'Title: Fail. Broadcaster: ninja. "
                + "Clipped by: bob')");
        var notes = new NotesEngine(file, new TestEngine(Database, Fake, settings => settings with { CorporaFile = file }));
        await notes.Engine.Get<EmbeddingFunctions.Schema.Migrator>()
            .Migrate(notes.Engine.Get<EmbeddingFunctions.Corpora.CorpusSet>().Get("notes"), withSampleTables: false, null, default);
        return notes;
    }

    private sealed record NotesEngine(string File, TestEngine Engine) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Engine.DisposeAsync();
            System.IO.File.Delete(File);
        }
    }
}
