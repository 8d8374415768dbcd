using System.Text.RegularExpressions;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>What stands in the way of writing.</summary>
public sealed class WriteTests(BatchDatabase shared) : BatchTest(shared)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(20)]
    public async Task One_row_that_violates_a_constraint_keeps_no_other_from_its_vector_and_no_text_is_paid_twice(int items)
    {
        await Workspace.Items(Repository, items - 1);
        var id = await Workspace.Item(Repository, "refused");
        await Database.Execute(
            $"ALTER TABLE issues ADD CONSTRAINT {BatchDatabase.Obstacle} CHECK (embedding IS NULL OR title <> 'refused')");

        var batch = await Embed();

        Assert.Equal((items - 1, 1, items, 1), (batch.Counts.Embedded, batch.Counts.Failed, batch.Counts.Claimed, batch.Counts.Requests));
        Assert.Equal((items, 1), (Fake.PaidInputCount, Fake.RequestCount));
        Assert.Contains("violates check constraint", (await Failure(id)).Reason, StringComparison.Ordinal);
        Assert.Equal(batch.Counts, await Recorded());
        await AssertNothingStale();
    }

    [Theory]
    [InlineData("RAISE EXCEPTION 'not this one'", "not this one (P0001)")]
    [InlineData("RAISE EXCEPTION 'not yours' USING ERRCODE = 'insufficient_privilege'", "not yours (42501)")]
    [InlineData("RAISE EXCEPTION 'archived' USING ERRCODE = 'ZZ001'", "archived (ZZ001)")]
    [InlineData("PERFORM to_tsvector(string_agg(md5(i::text), ' ')) FROM generate_series(1, 50000) i", "(54000)")]
    public async Task A_trigger_that_refuses_a_row_is_no_other_rows_matter(string refusal, string reason)
    {
        await Workspace.Items(Repository, 4);
        var id = await Workspace.Item(Repository, "refused");
        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.title = 'refused' THEN {refusal}; END IF; RETURN NEW; END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION refuse();
            """);

        var batch = await Embed();

        Assert.Equal((4, 1), (batch.Counts.Embedded, batch.Counts.Failed));
        Assert.Matches($"^the database refused the row: .*{Regex.Escape(reason)}$", (await Failure(id)).Reason);
    }

    [Fact]
    public async Task A_row_that_cannot_even_be_marked_dead_costs_nothing_more_and_is_looked_at_again()
    {
        var id = await Workspace.Item(Repository, "refused");
        await Database.Execute(
            $"ALTER TABLE issues ADD CONSTRAINT {BatchDatabase.Obstacle} CHECK (embedding_rule IS NULL OR embedding_rule LIKE '@%')");
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await Embed();
            await LetFailuresRetry();
        }

        var (reason, _, isDead) = await Failure(id);
        Assert.True(isDead);
        await Embed();
        Assert.Equal((reason, 1), ((await Failure(id)).Reason, Fake.RequestCount));
        Assert.InRange(
            await Database.Ask<double>("SELECT extract(epoch FROM retry_at - now())::float8 FROM embedding.failures"), 3_500, 3_600);

        await Database.Execute($"ALTER TABLE issues DROP CONSTRAINT {BatchDatabase.Obstacle}");
        await Edit(id, "welcome");
        await LetFailuresRetry();
        Assert.Equal(1, (await Embed()).Counts.Embedded);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_row_that_a_session_keeps_locked_stays_pending_and_keeps_no_other_waiting()
    {
        await Workspace.Items(Repository, 4);
        var id = await Workspace.Item(Repository, "locked");
        using var hold = Fake.Hold();
        var embedding = Embed();
        await Fake.WaitForRequestsAsync(1);
        await using var other = await Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var touch = new NpgsqlCommand("UPDATE issues SET number = 1 WHERE title = 'locked'", other))
        {
            await touch.ExecuteNonQueryAsync();
        }

        hold.Release();
        var batch = await embedding;

        Assert.Equal((4, 0, 0), (batch.Counts.Embedded, batch.Counts.Changed, batch.Counts.Failed));
        await transaction.RollbackAsync();
        Assert.Equal((4, 1), (await Workspace.Embedded(), await Workspace.Pending()));
        await AssertNoneCharged();
        Assert.Equal(id, (await Take()).Items.Single().Id);
    }

    [Fact]
    public async Task Of_two_that_wait_for_each_others_rows_it_is_never_the_application_that_Postgres_ends()
    {
        // In whatever order they are written, a slow one comes before the locked.
        foreach (var title in new[] { "slow", "slow", "locked", "slow", "slow" })
        {
            await Workspace.Item(Repository, title);
        }

        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE OF embedding_rule ON issues FOR EACH ROW WHEN (NEW.title = 'slow') EXECUTE
                FUNCTION slowly();
            """);
        await using var application = await Database.Source.OpenConnectionAsync();
        await using var transaction = await application.BeginTransactionAsync();
        await using (var first = new NpgsqlCommand("UPDATE issues SET number = 1 WHERE title = 'locked'", application))
        {
            await first.ExecuteNonQueryAsync();
        }

        var embedding = Embed();
        while (await Count("pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()") == 0)
        {
            Assert.False(embedding.IsCompleted, "It wrote the locked row first, and so did not wait.");
        }

        await using (var second = new NpgsqlCommand("UPDATE issues SET number = 2 WHERE title = 'slow'", application))
        {
            await second.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
        Assert.Equal(0, (await embedding).Counts.Failed);
    }

    [Fact]
    public async Task What_a_batch_did_is_on_record_with_what_it_sent_and_paid()
    {
        await Workspace.Items(Repository, 2);
        await Workspace.Item(Repository, "", "");

        var batch = await Embed();

        Assert.Equal(
            new BatchCounts { Claimed = 3, Embedded = 2, Empty = 1, Requests = 1, Tokens = Fake.Requests.Sum(r => r.Tokens) },
            batch.Counts);
        Assert.Equal(batch.Counts, await Recorded());
    }

    [Fact]
    public async Task A_request_that_came_to_nothing_is_on_record_too()
    {
        await Workspace.Items(Repository, 2);
        Fake.Script(Requests.All, Fault.InsufficientQuota());

        var batch = await Embed();

        Assert.Equal(new BatchCounts { Requests = 1 }, batch.Counts);
        Assert.Equal(batch.Counts, await Recorded());
    }
}
