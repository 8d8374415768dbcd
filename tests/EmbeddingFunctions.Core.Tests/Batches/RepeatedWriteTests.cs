using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Writes that are made again, after a fault of the connection or the database.</summary>
public sealed class RepeatedWriteTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task A_write_repeated_because_its_answer_was_lost_changes_nothing()
    {
        await Workspace.Items(Repository, 3);
        var order = await Order();
        var claim = await Take(order: order);
        var outcomes = claim.Items.Select(item => new ItemOutcome(item, Outcome.Embedded, new string('0', 64), Vector())).ToList();
        var counts = new BatchCounts { Claimed = 3, Requests = 1, Tokens = 9 };
        var vectors = Worker.Get<VectorStore>();
        var first = await vectors.Write(claim, order.BatchId, outcomes, counts, CancellationToken.None);

        var second = await vectors.Write(claim, order.BatchId, outcomes, counts, CancellationToken.None);

        Assert.Equal(counts with { Embedded = 3 }, first);
        Assert.Equal(first, second);
        Assert.Equal(first, await Recorded());
    }

    [Fact]
    public async Task A_failure_repeated_because_its_answer_was_lost_is_counted_once()
    {
        await Workspace.Items(Repository, 3);
        var order = await Order();
        var claim = await Take(order: order);
        var failed = claim.Items.Select(item => new ItemFailure(item, "h", "no", IsDead: false)).ToList();
        var failures = Worker.Get<FailureStore>();
        var first = await failures.Record(claim, order.BatchId, failed, new BatchCounts { Claimed = 3 }, CancellationToken.None);

        var second = await failures.Record(claim, order.BatchId, failed, new BatchCounts { Claimed = 3 }, CancellationToken.None);

        Assert.Equal((3, first), (first.Failed, second));
        Assert.Equal(3, await Count("embedding.claims WHERE attempts = 1"));
    }

    [Fact]
    public async Task A_write_that_loses_a_deadlock_is_written_again_without_a_second_call()
    {
        await Workspace.Items(Repository, 3);
        await Database.Execute(
            $"""
            CREATE SEQUENCE IF NOT EXISTS deadlocks;
            SELECT setval('deadlocks', 1);
            CREATE OR REPLACE FUNCTION lose_twice() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF nextval('deadlocks') <= 3 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION lose_twice();
            """);

        var batch = await Embed();

        Assert.Equal((3, 1), (batch.Counts.Embedded, Fake.RequestCount));
        Assert.Equal(batch.Counts, await Recorded());
    }

    [Fact]
    public async Task A_connection_cut_during_the_write_loses_nothing_paid_for()
    {
        await Workspace.Items(Repository, 3);
        await Database.Execute(
            $"""
            CREATE SEQUENCE IF NOT EXISTS cuts;
            SELECT setval('cuts', 1);
            CREATE OR REPLACE FUNCTION cut_once() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF nextval('cuts') = 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION cut_once();
            """);

        var batch = await Embed();

        Assert.Equal((3, 1), (batch.Counts.Embedded, Fake.RequestCount));
        Assert.Equal(batch.Counts, await Recorded());
        await AssertNothingStale();
    }

    [Fact]
    public async Task A_database_that_is_away_for_seconds_costs_nothing_paid_for()
    {
        await Workspace.Items(Repository, 3);
        await Database.Execute(
            $"""
            CREATE TABLE IF NOT EXISTS outage (ends_at timestamptz);
            TRUNCATE outage;
            INSERT INTO outage VALUES (now() + interval '4 seconds');
            CREATE OR REPLACE FUNCTION cut_for_a_while() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF clock_timestamp() < (SELECT ends_at FROM outage) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN
                NEW; END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION cut_for_a_while();
            """);

        var batch = await Embed();

        Assert.Equal((3, 1), (batch.Counts.Embedded, Fake.RequestCount));
        Assert.Equal(0L, Fake.DuplicatePaidInputs);
        await AssertNothingStale();
    }

    [Fact]
    public async Task A_write_that_cannot_be_made_gives_the_items_back_without_charge()
    {
        await Workspace.Items(Repository, 3);
        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION read_only() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM set_config('transaction_read_only', 'on', true); DELETE FROM issues WHERE false; RETURN NEW; END $$;
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION read_only();
            """);

        Assert.Equal("25006", (await Assert.ThrowsAsync<PostgresException>(() => Embed())).SqlState);

        await AssertNoneCharged();
        Assert.Equal(3, await Workspace.Pending());
    }

    private static float[] Vector() => FakeVector.Of("any", "text-embedding-3-small", 384);
}
