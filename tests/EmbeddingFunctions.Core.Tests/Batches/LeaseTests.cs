using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>How long a claim holds, and how its batch renews it.</summary>
public sealed class LeaseTests(BatchDatabase shared) : BatchTest(shared)
{
    private readonly LogLines<LeaseKeeper> _log = new();
    private readonly LogLines<DatabaseOutages> _outages = new();

    [Fact]
    public async Task A_lease_is_for_thirty_seconds_of_the_databases_time()
    {
        await Workspace.Item(Repository, "one");
        await Take();

        Assert.InRange(await SecondsLeft(), 25, 30);
    }

    [Fact]
    public async Task A_lease_is_renewed_every_ten_seconds_while_its_batch_is_at_work()
    {
        var clock = new ManualClock();
        await Workspace.Item(Repository, "one");
        var claim = await Take();
        await LetLeasesRunOut();
        await using var lease = Keeper(clock).Keep(claim);

        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.True(await SecondsLeft() < 0);
        clock.Advance(TimeSpan.FromSeconds(1));

        await Until(async () => await SecondsLeft() > 20);
        await LetLeasesRunOut();
        clock.Advance(TimeSpan.FromSeconds(10));
        await Until(async () => await SecondsLeft() > 20);
    }

    [Fact]
    public async Task A_beat_that_fails_does_not_end_the_beating()
    {
        var clock = new ManualClock();
        await Workspace.Item(Repository, "one");
        var claim = await Take();
        await using var lease = Keeper(clock).Keep(claim);
        await Database.Execute("ALTER TABLE embedding.claims RENAME TO away");
        clock.Advance(TimeSpan.FromSeconds(10));
        await _outages.Wait(1);
        await Database.Execute("ALTER TABLE embedding.away RENAME TO claims");
        await LetLeasesRunOut();

        clock.Advance(TimeSpan.FromSeconds(10));

        await Until(async () => await SecondsLeft() > 20);
        await _outages.Wait(2);
        Assert.Equal(
            [
                "The database refuses the renewal of leases, and embedding goes on without: "
                    + "relation \"embedding.claims\" does not exist (42P01)",
                "The database accepts the renewal of leases again after 10 s",
            ],
            _outages.All.Select(line => line.Line));
    }

    [Fact]
    public async Task Lost_claims_are_logged_once()
    {
        var clock = new ManualClock();
        await Workspace.Item(Repository, "one");
        await using var lease = Keeper(clock).Keep(await Take());
        await Database.Execute("UPDATE embedding.claims SET token = gen_random_uuid()");

        clock.Advance(TimeSpan.FromSeconds(10));
        for (var i = 0; _log.All.Count == 0 && i < 1_000; i++)
        {
            await Task.Delay(10);
            clock.Advance(TimeSpan.FromMilliseconds(20));
        }

        clock.Advance(TimeSpan.FromSeconds(30));

        Assert.Contains("has lost the claims of a batch of 1 items of issue", Assert.Single(_log.All).Line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_finished_batch_beats_no_more()
    {
        var clock = new ManualClock();
        await Workspace.Item(Repository, "one");
        var lease = Keeper(clock).Keep(await Take());

        await lease.DisposeAsync();

        Assert.Equal(0, clock.Waiting);
    }

    [Fact]
    public async Task M19_A_lease_counts_from_when_its_claim_is_made_and_not_from_when_it_was_asked_for()
    {
        await Workspace.Item(Repository, "one");
        // Whatever a claim waits for: here two seconds, before it takes the first item.
        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NULL; END';
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE INSERT ON embedding.claims FOR EACH STATEMENT EXECUTE FUNCTION wait();
            """);
        try
        {
            await Take();
        }
        finally
        {
            await Database.Execute($"DROP TRIGGER {BatchDatabase.Obstacle} ON embedding.claims");
        }

        Assert.InRange(await SecondsLeft(), 28.5, 30);
    }

    private LeaseKeeper Keeper(TimeProvider clock) => new(Claims, Outages(clock), clock, _log);

    private DatabaseOutages Outages(TimeProvider clock) => new(Worker.Get<Redaction>(), clock, _outages);

    private Task<double> SecondsLeft() =>
        Database.Ask<double>("SELECT extract(epoch FROM leased_until - now())::float8 FROM embedding.claims");

    private static async Task Until(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 2_000, "it never came to be");
        }
    }
}
