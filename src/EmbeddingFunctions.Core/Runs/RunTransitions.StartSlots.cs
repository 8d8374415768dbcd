using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Runs;

/// <summary>When a run starts: a corpus has a number of starts a minute, and runs that come sooner wait for theirs.</summary>
internal sealed partial class RunTransitions
{
    /// <summary>How many runs of a corpus may wait for their start; more events are refused until some have begun.</summary>
    public const int MostWaiting = 60;

    // Generic cell rate algorithm: as many starts at once as a minute allows, then one each time the bucket has room. Later ones queue.
    // Runs take their slots one after the other.
    private static SqlText LockSlots(string corpus) =>
        $"""
        INSERT INTO embedding.start_slots AS s (corpus, arrival) VALUES ({corpus}, now())
        ON CONFLICT (corpus) DO UPDATE SET arrival = s.arrival
        """;

    // The next arrival is a minute after the last start at most: so a run that is cancelled before its start gives its slot back, and
    // nothing waits for a moment of a clock that was wrong. A person's command starts at once, however many events wait.
    private static SqlText TakeSlot(Guid run, string corpus, int startsPerMinute, TimeSpan longestWait) =>
        $"""
        WITH run AS (
            SELECT id, host = 'command' AS is_command FROM embedding.jobs WHERE id = {run} AND starts_at IS NULL FOR UPDATE
        ),
        waiting AS (
            SELECT max(starts_at) AS last FROM embedding.jobs
            WHERE  corpus = {corpus} AND status = 'pending' AND host <> 'command' AND cancel_requested_at IS NULL
            AND    starts_at > now() AND starts_at <= now() + {longestWait}
        ),
        slot AS (
            UPDATE embedding.start_slots s
            SET    arrival = GREATEST(LEAST(s.arrival, GREATEST(waiting.last, now()) + interval '1 minute'), now())
                             + interval '1 minute' / {startsPerMinute}
            FROM   run, waiting
            WHERE  s.corpus = {corpus} AND NOT run.is_command
            RETURNING GREATEST(s.arrival - interval '1 minute', now()) AS starts_at
        ),
        taken AS (
            UPDATE embedding.jobs j SET starts_at = COALESCE((SELECT starts_at FROM slot), now())
            FROM   run WHERE j.id = run.id RETURNING j.starts_at
        )
        SELECT starts_at - now() FROM taken
        UNION ALL
        SELECT LEAST(starts_at - now(), {longestWait}) FROM embedding.jobs WHERE id = {run} AND starts_at IS NOT NULL
        LIMIT 1
        """;

    /// <summary>Gives the run its start slot; asked again, the same one.</summary>
    /// <returns>How long from now it starts.</returns>
    public async Task<TimeSpan> TakeStartSlot(Guid run, Corpus corpus, CancellationToken cancellation)
    {
        var longestWait = TimeSpan.FromMinutes(1) / corpus.StartsPerMinute * MostWaiting;
        var wait = TimeSpan.Zero;
        await database.ReadAsync(
            [LockSlots(corpus.Name), TakeSlot(run, corpus.Name, corpus.StartsPerMinute, longestWait)], cancellation,
            row => wait = row.GetTimeSpan(0));
        return wait;
    }
}
