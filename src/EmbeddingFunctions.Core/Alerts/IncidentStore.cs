using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Alerts;

/// <summary>
/// Incidents and the messages about them: whichever process finds that one begins or ends, it begins and ends once. A message is sent by
/// one process at a time, until it was taken.
/// </summary>
internal sealed class IncidentStore(NpgsqlDataSource database)
{
    public const int MostAttempts = 100;

    private const int LongestExponent = 8;

    private static readonly TimeSpan _kept = TimeSpan.FromDays(90);

    // A process that dies as it sends leaves the message to another after this time.
    private static readonly TimeSpan _lease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _firstWait = TimeSpan.FromSeconds(5);

    /// <returns>Whether it is this process's turn to look: one of all that ask within a time.</returns>
    public async Task<bool> TakeTurn(TimeSpan every, CancellationToken cancellation) => await database.ExecuteAsync(
        $"UPDATE embedding.alert_looks SET looked_at = clock_timestamp() WHERE looked_at <= clock_timestamp() - {every}",
        cancellation) == 1;

    /// <summary>Begins the incidents that were found, and ends those that were looked for and not found.</summary>
    /// <param name="looks">What was looked for.</param>
    /// <param name="quiet">One that was found within this time goes on: processes may be set differently for a while.</param>
    /// <param name="cancellation">Ends the statement.</param>
    public Task Note(IReadOnlyList<Look> looks, TimeSpan quiet, CancellationToken cancellation) => database.ExecuteAsync(
        $"""
        WITH looks AS (
            SELECT *
            FROM   unnest(
                       {looks.Select(look => Name(look.Kind)).ToArray()}, {looks.Select(look => look.Subject).ToArray()},
                       {looks.Select(look => look.Trouble).ToArray()}::text[]) AS l (kind, subject, trouble)
        ),
        found AS (
            INSERT INTO embedding.incidents (kind, subject, message)
            SELECT kind, subject, trouble FROM looks WHERE trouble IS NOT NULL
            ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO UPDATE SET seen_at = now()
            RETURNING id, xmax = 0 AS is_new
        ),
        over AS (
            UPDATE embedding.incidents i SET ended_at = now()
            FROM   looks l
            WHERE  i.kind = l.kind AND i.subject = l.subject AND l.trouble IS NULL AND i.ended_at IS NULL
            AND    i.seen_at <= now() - {quiet}
            RETURNING i.id
        ),
        forgotten AS (
            DELETE FROM embedding.incidents WHERE ended_at < now() - {_kept}
        )
        INSERT INTO embedding.alerts (incident_id, is_over)
        SELECT id, false FROM found WHERE is_new UNION ALL SELECT id, true FROM over
        """, cancellation);

    /// <summary>An end is not sent before its beginning.</summary>
    /// <returns>The next message to be sent, which is this process's for a minute; null: there is none.</returns>
    public async Task<Alert?> Next(CancellationToken cancellation) => (await database.QueryAsync(
        $"""
        UPDATE embedding.alerts a
        SET    attempts = a.attempts + 1, next_at = now() + {_lease}
        FROM   embedding.incidents i
        WHERE  i.id = a.incident_id AND (a.incident_id, a.is_over) = (
            SELECT n.incident_id, n.is_over FROM embedding.alerts n
            WHERE  n.sent_at IS NULL AND n.next_at <= now() AND n.attempts < {MostAttempts}
            AND    NOT (n.is_over AND EXISTS (
                SELECT FROM embedding.alerts f
                WHERE  f.incident_id = n.incident_id AND NOT f.is_over AND f.sent_at IS NULL AND f.attempts < {MostAttempts}))
            ORDER  BY n.next_at, n.is_over
            LIMIT  1
            FOR    UPDATE SKIP LOCKED)
        RETURNING i.id, i.kind, i.subject, i.message, i.began_at, CASE WHEN a.is_over THEN i.ended_at END, a.attempts
        """,
        row => new Alert(
            row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetFieldValue<DateTimeOffset>(4),
            row.GetFieldValue<DateTimeOffset?>(5), row.GetInt32(6)),
        cancellation)).SingleOrDefault();

    public Task Sent(Alert alert, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.alerts SET sent_at = now() WHERE incident_id = {alert.Incident} AND is_over = {alert.IsOver}", cancellation);

    /// <summary>Has a message that was not taken be sent again, after ever longer waits: at most 20 minutes.</summary>
    public Task Postpone(Alert alert, CancellationToken cancellation) => database.ExecuteAsync(
        $"""
        UPDATE embedding.alerts SET next_at = now() + {_firstWait * Math.Pow(2, Math.Min(alert.Attempts - 1, LongestExponent))}
        WHERE  incident_id = {alert.Incident} AND is_over = {alert.IsOver} AND sent_at IS NULL
        """, cancellation);

    private static string Name(TroubleKind kind) => $"{char.ToLowerInvariant(kind.ToString()[0])}{kind.ToString()[1..]}";
}
