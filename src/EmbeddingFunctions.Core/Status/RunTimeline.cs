using System.ComponentModel.DataAnnotations;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>What a run's batches and requests did, in time: parts of equal length, and the newest of each.</summary>
internal sealed class RunTimeline(NpgsqlDataSource database, TimeProvider time)
{
    public const int MostRows = 100;

    private const int Parts = 60;

    private static SqlText SumParts(Guid run, DateTimeOffset start, TimeSpan width) =>
        $"""
        SELECT date_bin({width}, finished_at, {start}), sum(embedded), sum(cached), sum(failed)
        FROM   embedding.batches
        WHERE  run_id = {run}
        GROUP  BY 1
        ORDER  BY 1
        """;

    private static SqlText FindBatches(Guid run) =>
        $"""
        SELECT id, kind, partition, claimed, embedded, cached, failed, requests, tokens, finished_at
        FROM   embedding.batches
        WHERE  run_id = {run}
        ORDER  BY finished_at DESC, id
        LIMIT  {MostRows}
        """;

    private static SqlText CountRequests(Guid run) =>
        $"SELECT count(*), count(*) FILTER (WHERE outcome <> 'answered') FROM embedding.requests WHERE run_id = {run}";

    private static SqlText FindUnanswered(Guid run) =>
        $"""
        SELECT sent_at, outcome, inputs, tokens
        FROM   embedding.requests
        WHERE  run_id = {run} AND outcome IS DISTINCT FROM 'answered'
        ORDER  BY sent_at DESC
        LIMIT  {MostRows}
        """;

    // What a run still waits for ends with it.
    private static SqlText FindWaits(RecordedRun run) =>
        $"""
        SELECT began_at, LEAST(ends_at, {run.CompletedAt}), cause, reason
        FROM   embedding.waits
        WHERE  run_id = {run.Id}
        ORDER  BY began_at DESC
        LIMIT  {MostRows}
        """;

    public async Task<TimedRun> Of(RecordedRun run, CancellationToken cancellation)
    {
        var start = run.StartedAt ?? run.CreatedAt;
        var width = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling(((run.CompletedAt ?? time.GetUtcNow()) - start).TotalSeconds / Parts)));
        var (parts, batches, unanswered) = (new List<RunPart>(), new List<TimedBatch>(), new List<UnansweredRequest>());
        var (requests, refused) = (0L, 0L);
        await database.ReadAsync(
            [SumParts(run.Id, start, width), FindBatches(run.Id), CountRequests(run.Id), FindUnanswered(run.Id)], cancellation,
            row => parts.Add(new(row.GetFieldValue<DateTimeOffset>(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3))),
            row => batches.Add(new(
                row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInt32(3), row.GetInt32(4), row.GetInt32(5), row.GetInt32(6),
                row.GetInt32(7), row.GetInt64(8), row.GetFieldValue<DateTimeOffset>(9))),
            row => (requests, refused) = (row.GetInt64(0), row.GetInt64(1)),
            row => unanswered.Add(new(row.GetFieldValue<DateTimeOffset>(0), row.Text(1), row.GetInt32(2), row.GetInt64(3))));
        return new TimedRun(parts, batches, requests, refused, unanswered, await Waits(run, cancellation));
    }

    private async Task<IReadOnlyList<RunWait>> Waits(RecordedRun run, CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(
                FindWaits(run),
                row => new RunWait(
                    row.GetFieldValue<DateTimeOffset>(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(2), row.Text(3)),
                cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A database of an earlier version has none.
            return [];
        }
    }
}

/// <param name="Timeline">At most about 60 parts, those in which no batch ended left out.</param>
/// <param name="Batches">The newest 100.</param>
/// <param name="Requests">Sent to the provider.</param>
/// <param name="Refused">Of these, those that got no usable answer; what they were for was sent again, or failed.</param>
/// <param name="Unanswered">The newest 100 of these, and those that are under way.</param>
/// <param name="Waits">The newest 100 that were a second or longer.</param>
internal sealed record TimedRun(
    IReadOnlyList<RunPart> Timeline, IReadOnlyList<TimedBatch> Batches, long Requests, long Refused,
    IReadOnlyList<UnansweredRequest> Unanswered, IReadOnlyList<RunWait> Waits);

/// <summary>What batches that ended in a part of a run's time did.</summary>
internal sealed record RunPart(DateTimeOffset At, long Embedded, long Cached, long Failed);

internal sealed record TimedBatch(
    Guid Id, string Kind, string Partition, int Claimed, int Embedded, int Cached, int Failed, int Requests, long Tokens,
    DateTimeOffset FinishedAt);

/// <param name="Outcome">unusable, refused, unreached, unknown, or null: it is under way.</param>
internal sealed record UnansweredRequest(
    DateTimeOffset SentAt, [property: AllowedValues("unusable", "refused", "unreached", "unknown", null)] string? Outcome, int Inputs,
    long Tokens);

/// <summary>A time in which requests were not sent.</summary>
/// <param name="EndsAt">Ahead while the run waits.</param>
/// <param name="Cause">limits (of requests and tokens a minute), provider, or paused.</param>
/// <param name="Reason">The provider's words.</param>
internal sealed record RunWait(
    DateTimeOffset BeganAt, DateTimeOffset EndsAt, [property: AllowedValues("limits", "provider", "paused")] string Cause, string? Reason);
