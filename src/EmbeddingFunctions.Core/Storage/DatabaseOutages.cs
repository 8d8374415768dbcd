using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Logs faults of the database after which work goes on without it or is tried again: once when they begin, and once when it answers. A
/// database that cannot be reached is one outage, whatever work meets it; a statement that is refused is a fault of its work alone.
/// </summary>
internal sealed class DatabaseOutages(Redaction redaction, TimeProvider time, ILogger<DatabaseOutages> log)
{
    // One that answers now and then, as it lacks connections, is not reported at each change.
    private static readonly TimeSpan _quiet = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Outage> _outages = [];
    private volatile bool _hasAny;

    /// <param name="work">What did without the database, as it is to be read in the log.</param>
    /// <param name="fault">What the database answered, or why it did not.</param>
    public void Failed(string work, Exception fault)
    {
        if (fault is PostgresException { SqlState: ['4', '0', ..] or ['5', '5', ..] } contention)
        {
            log.WorkIsRepeated(work, contention.SqlState);
            return;
        }

        var isAway = fault is not PostgresException || WriteFaults.IsTransient(fault);
        lock (_lock)
        {
            _hasAny = true;
            var name = isAway ? "" : work;
            var outage = _outages.TryGetValue(name, out var known) ? known : _outages[name] = new Outage();
            outage.Since ??= time.GetTimestamp();
            if (outage.IsReported || (outage.ReportedAt is { } last && time.GetElapsedTime(last) < _quiet))
            {
                return;
            }

            (outage.IsReported, outage.ReportedAt) = (true, time.GetTimestamp());
        }

        if (isAway)
        {
            log.DatabaseFails(work, Reason(fault));
        }
        else
        {
            log.DatabaseRefuses(work, Reason(fault));
        }
    }

    /// <param name="work">What the database has done now.</param>
    public void Answered(string work)
    {
        if (_hasAny)
        {
            if (End("") is { } away)
            {
                log.DatabaseAnswersAgain(away.TotalSeconds);
            }

            if (End(work) is { } refused)
            {
                log.DatabaseAcceptsAgain(work, refused.TotalSeconds);
            }
        }
    }

    /// <returns>How long an outage lasted whose end is to be reported.</returns>
    private TimeSpan? End(string name)
    {
        lock (_lock)
        {
            if (!_outages.TryGetValue(name, out var outage) || outage.Since is not { } since)
            {
                return null;
            }

            var isReported = outage.IsReported;
            (outage.Since, outage.IsReported) = (null, false);
            _hasAny = _outages.Values.Any(other => other.Since is not null);
            return isReported ? time.GetElapsedTime(since) : null;
        }
    }

    // The words of a statement's fault may repeat a row's value; its code does not.
    private string Reason(Exception fault) => fault is PostgresException { SqlState: var state } refused
        ? state[..2] is "08" or "25" or "28" or "3D" or "42" or "53" or "57"
            ? $"{redaction.Clean(refused.MessageText)} ({state})" : $"SQLSTATE {state}"
        : redaction.Clean(fault.Message);

    private sealed class Outage
    {
        public long? Since { get; set; }

        public bool IsReported { get; set; }

        public long? ReportedAt { get; set; }
    }
}
