using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The shipped corpus of clips, beside that of workspaces, on a database of its own.</summary>
public sealed class ClipsTests : ClipsTest
{
    [Fact]
    public async Task The_columns_and_the_index_are_those_of_the_old_system()
    {
        Assert.Equal(
            "vector(768)",
            await Database.Ask<string>(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'clips'::regclass AND attname = 'embedding'"));
        Assert.Contains("USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')",
            await Database.Ask<string>("SELECT indexdef FROM pg_indexes WHERE indexname = 'embedding_hnsw_clips'"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_vector_is_of_the_declared_text_and_its_model_and_time_are_written_with_it()
    {
        await Clip("Fail", "ninja", "bob", "Fortnite");
        await Clip("Removed", isRemoved: true);

        Assert.Equal(1, (await Backfill()).Counts.Embedded);

        var row = Assert.Single(
            await Database.Rows(
                "SELECT embedding::real[], embedding_model, embedding_generated_at FROM clips WHERE embedding IS NOT NULL"));
        Assert.Equal("text-embedding-3-small", row[1]);
        Assert.IsType<DateTime>(row[2]);
        var expected = FakeVector.Of("Title: Fail. Broadcaster: ninja. Clipped by: bob. Game: Fortnite", "text-embedding-3-small", 768);
        Assert.All(expected.Zip((float[])row[0]!), pair => Assert.Equal(pair.First, pair.Second, 5));
    }

    [Fact]
    public async Task A_scheduled_run_takes_the_newest_up_to_its_limit_and_a_backfill_the_rest()
    {
        await Clips(101, "3 days");
        await Clips(5, "8 days");

        Assert.Equal(106, (await Coverage()).Pending);
        Assert.Equal(5, (await Coverage()).LeftToBackfill);
        Assert.Equal((100, 100), await Scheduled());
        Assert.Equal((1, 1), await Scheduled());
        Assert.Equal((0, 0), await Scheduled());
        Assert.Equal((5L, 5L), ((await Coverage()).Pending, (await Coverage()).LeftToBackfill));
        Assert.Equal(5, (await Backfill()).Counts.Embedded);
        Assert.Equal((0L, 0L), ((await Coverage()).Pending, (await Coverage()).LeftToBackfill));
    }

    [Fact]
    public async Task A_scheduled_run_that_another_host_takes_up_is_scheduled_still()
    {
        await Clips(3, "8 days");
        var first = new Runs.RecordingEngine();
        await Engine.Get<RunScheduler>().StartDue(first, default);
        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 minute'");

        var second = new Runs.RecordingEngine();
        await Engine.Get<RunScheduler>().AdoptOrphanedRuns(second, default);

        Assert.Equal((true, 100), (Assert.Single(second.Begun).Request.IsScheduled, second.Begun[0].Request.Limit));
        Assert.Equal(0, (await Engine.Get<InProcessEngine>().Carry(second.Begun[0], null, default)).Counts.Embedded);
    }

    [Fact]
    public async Task Only_migrated_corpora_are_spoken_of_and_the_others_named()
    {
        var status = await Engine.Get<StatusReport>().OfAll(default);

        Assert.Equal("clips", Assert.Single(status.Corpora).Corpus);
        Assert.Equal(["workspace", "sessions", "summaries", "documents"], status.NotMigrated);
        Assert.True((await Engine.Get<Health>().Check(default)).IsHealthy);
        var findings = await Engine.Get<Doctor>().Examine(Engine.Get<CorpusSet>().All, default);
        Assert.All(findings, finding => Assert.True(finding.IsWell, finding.Message));
        Assert.Contains(
            findings, finding => finding.Message == "not migrated, so nothing is done for workspace, sessions, summaries, documents");
        Assert.Equal(["clips"], await Engine.Get<RunScheduler>().StartDue(new Runs.RecordingEngine(), default));
    }

    [Fact]
    public async Task Down_takes_away_what_migrate_made_and_up_makes_it_again()
    {
        await Clips(3, "1 day");
        await Backfill();
        var removal = Engine.Get<CorpusRemoval>();

        Assert.Equal(
            "clips: the columns embedding, embedding_generated_at, embedding_model, embedding_rule, embedding_truncated, content_hash, "
                + "embedding_state, their indexes and triggers, with 3 vectors",
            (await removal.Plan("clips", default))[0]);
        await removal.Remove("clips", null, default);

        Assert.Equal(
            ["id", "title", "creator_name", "broadcaster_name", "game_id", "game_name", "is_removed", "created_at"],
            (
                await Database.Rows("SELECT column_name::text FROM information_schema.columns WHERE table_name = 'clips' ORDER BY "
                    + "ordinal_position")).Select(row => (string)row[0]!));
        Assert.Equal(3, await Database.Ask<long>("SELECT count(*) FROM clips"));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'clips'::regclass"));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM pg_proc WHERE proname LIKE 'embedding_note_edit%'"));
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT (SELECT count(*) FROM embedding.rules) + (SELECT count(*) FROM embedding.jobs) + (SELECT count(*) FROM "
                    + "embedding.claims)"));
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM pg_extension WHERE extname = 'vector'"));
        Assert.Empty(await removal.Plan("clips", default));

        await Migrate();
        Assert.Equal(3, (await Backfill()).Counts.Embedded);
    }

    [Fact]
    public async Task Down_refuses_while_a_run_is_open_but_not_for_one_whose_process_is_gone()
    {
        await Database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, status) VALUES (gen_random_uuid(), 'clips', '{}', 'processing')");
        var removal = Engine.Get<CorpusRemoval>();

        Assert.Contains(
            "is open", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => removal.Remove("clips", null, default))).Message,
            StringComparison.Ordinal);
        Assert.NotEmpty(await removal.Plan("clips", default));

        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 second'");
        await removal.Remove("clips", null, default);
        Assert.Empty(await removal.Plan("clips", default));
    }

    [Fact]
    public async Task Down_of_one_corpus_leaves_the_other()
    {
        await Engine.Get<Migrator>().Migrate(Engine.Get<CorpusSet>().Get("workspace"), withSampleTables: true, null, default);
        await Engine.Get<CorpusRemoval>().Remove("workspace", null, default);

        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_class WHERE relname IN ('similarity_cache', 'items_needing_embeddings_priority')"));
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_proc WHERE proname IN ('increment_cache_access', 'cleanup_expired_cache', "
                    + "'get_cache_statistics')"));
        await Clips(1, "1 day");
        Assert.Equal(1, (await Backfill()).Counts.Embedded);
    }

    [Fact]
    public async Task Other_parameters_build_the_index_again()
    {
        object Notes(int m) => new
        {
            name = "notes",
            dimensions = 16,
            index = new { m, efConstruction = 100 },
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } }
        };
        await Database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
        foreach (var m in new[] { 8, 32 })
        {
            await using var corpus = new DeclaredCorpus(Database.Source, Notes(m));
            await corpus.Migrate();
            Assert.Contains($"m='{m}', ef_construction='100'",
                Assert.Single(
                    await Database.Rows("SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'embedding_hnsw_notes%'"))[0]!.ToString(),
                StringComparison.Ordinal);
        }
    }
}
