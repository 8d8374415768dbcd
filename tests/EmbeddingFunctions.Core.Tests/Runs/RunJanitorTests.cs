namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>The state that a run clears away before it starts.</summary>
public sealed class RunJanitorTests : RunTest
{
    [Fact]
    public async Task A_lease_a_retry_and_a_pulse_of_a_clock_that_was_set_back_end_when_their_own_time_is_over()
    {
        await Workspace.Item(await Workspace.Repository(), "one");
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, reason, token, leased_until, retry_at)
            SELECT 'workspace', 'issue', id::text, repository_id::text, 'busy', gen_random_uuid(), now() + interval '1 year',
                now() + interval '1 year' FROM issues;
            INSERT INTO embedding.jobs (id, corpus, kinds, leased_until) VALUES (gen_random_uuid(), 'workspace', '{}', now() + interval
                '1 year');
            """);

        await Lifecycle.Start(Input(), default);

        Assert.Equal([true, true], Assert.Single(await Database.Rows(
            "SELECT leased_until <= now() + interval '30 seconds', retry_at <= now() + interval '1 hour' FROM embedding.claims")));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE leased_until > now() + interval '1 minute'"));
    }

    [Fact]
    public async Task A_run_begins_by_clearing_the_similarity_cache_of_what_is_past_its_time()
    {
        await Workspace.Items(await Workspace.Repository(), 2);
        await Engine.Run();
        await Database.Execute(
            "UPDATE similarity_cache SET created_at = now() - interval '169 hours' WHERE item_id = (SELECT min(item_id) FROM "
                + "similarity_cache)");

        await Lifecycle.Start(Input(), default);

        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM similarity_cache"));
    }

    [Fact]
    public async Task M6_a_run_begins_by_dropping_copies_of_rows_that_are_deleted_moved_or_of_a_closed_partition()
    {
        var (open, other) = (await Workspace.Repository(), await Workspace.Repository("acme/two"));
        var closed = await Workspace.Repository("acme/three");
        var stays = await Workspace.Item(open, "stays");
        var deleted = await Workspace.Item(open, "deleted");
        var moved = await Workspace.Item(open, "moved");
        await Workspace.Item(closed, "closed");
        await Engine.Run();
        await Database.Execute("DELETE FROM issues WHERE id::text = $1::text", $"{deleted}");
        await Database.Execute("UPDATE issues SET repository_id = $2::text::uuid WHERE id::text = $1::text", $"{moved}", $"{other}");
        await Database.Execute("DELETE FROM workspace_repositories WHERE repository_id::text = $1::text", $"{closed}");

        await Lifecycle.Start(Input(), default);

        Assert.Equal($"{stays}", await Database.Ask<string>("SELECT string_agg(item_id::text, ',') FROM similarity_cache"));
    }

    [Fact]
    public async Task A_run_begins_by_forgetting_claims_and_failures_of_deleted_rows_and_no_others()
    {
        var repository = await Workspace.Repository();
        var stays = await Workspace.Item(repository, "stays");
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until, reason)
            SELECT 'workspace', 'issue', id, 'p', token, leased_until, reason
            FROM   (VALUES (gen_random_uuid()::text, gen_random_uuid(), now() - interval '1 second', NULL), (gen_random_uuid()::text, NULL,
                NULL, 'refused'),
                           ($1, gen_random_uuid(), now() - interval '1 second', NULL), ('00000000-0000-0000-0000-000000000001',
                               gen_random_uuid(), now() + interval '1 minute', NULL))
                   AS c (id, token, leased_until, reason)
            """, stays);

        await Lifecycle.Start(Input(), default);

        Assert.Equal(["00000000-0000-0000-0000-000000000001", stays],
            (await Database.Rows("SELECT item_id FROM embedding.claims")).Select(row => (string)row[0]!).Order());
    }

    [Fact]
    public async Task Old_runs_are_forgotten_in_portions_and_with_them_their_batches()
    {
        await Database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, completed_at)
            SELECT gen_random_uuid(), 'workspace', '{}', 'completed', now() - interval '91 days' FROM generate_series(1, 5000);
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed) SELECT gen_random_uuid(), id, 'issue', 'p', 0 FROM
                embedding.jobs;
            CREATE TABLE deletions (rows bigint);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO deletions SELECT count(*) FROM gone; RETURN
                NULL; END $$;
            CREATE TRIGGER note AFTER DELETE ON embedding.jobs REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note();
            """);

        await Lifecycle.Start(Input(), default);

        Assert.Equal(
            (1L, 0L),
            (
                await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"),
                await Database.Ask<long>("SELECT count(*) FROM embedding.batches")));
        Assert.Equal(2_000, await Database.Ask<long>("SELECT max(rows) FROM deletions"));
    }

    [Fact]
    public async Task A_run_whose_process_fell_silent_is_ended_by_the_next()
    {
        var silent = Input();
        await Lifecycle.Start(silent, default);
        await Lifecycle.Open(silent, default);
        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 minute'");
        var other = Input();
        await Lifecycle.Start(other, default);
        Assert.Equal("failed", await StatusOf(silent.RunId));
        Assert.Equal("pending", await StatusOf(other.RunId));
    }
}
