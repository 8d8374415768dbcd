using System.Collections.Concurrent;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Notes what runs waited for: a row a wait, however many batches waited. What cannot be noted keeps no batch from going on.
/// </summary>
internal sealed class WaitStore(NpgsqlDataSource database, Redaction redaction, DatabaseOutages outages, TimeProvider time)
{
    private const string Work = "the record of waits";
    private const int MostRemembered = 1_000;

    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(5);

    // Batches that wait a second each are many; shorter than the gap within which record_wait takes two waits for one.
    private static readonly TimeSpan _precision = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<(Guid Run, WaitCause Cause), Wait> _noted = new();

    public async Task Record(Guid run, IEnumerable<Wait> waits)
    {
        foreach (var wait in waits.Where(wait => !IsNoted(run, wait)))
        {
            await Record(run, wait);
        }
    }

    private bool IsNoted(Guid run, Wait wait) =>
        _noted.TryGetValue((run, wait.Cause), out var noted) && wait.From > noted.From - Wait.Shortest
        && wait.From <= noted.Until + _precision && wait.Until <= noted.Until + _precision;

    private async Task Record(Guid run, Wait wait)
    {
        var now = time.GetUtcNow();
        try
        {
            // Not cancelled: it has been waited. By the database's clock, as all times of a run.
            await database.ExecuteAsync(
                $"""
                SELECT embedding.record_wait(
                    {run}, lower({wait.Cause.ToString()}), {now - wait.From}, {wait.Until - now},
                    {(wait.Reason is { } reason ? redaction.Clean(reason) : null)})
                """, CancellationToken.None, _timeout);
            outages.Answered(Work);
            if (_noted.Count >= MostRemembered)
            {
                _noted.Clear();
            }

            _noted[(run, wait.Cause)] = wait;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedFunction)
        {
            // A database of an earlier version has no such record.
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            outages.Failed(Work, e);
        }
    }
}
