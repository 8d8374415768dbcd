using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults;

/// <summary>Looks again and again at what the workers' sessions do.</summary>
internal sealed class SessionSampler(TestDatabase database)
{
    private const string Look =
        """
        SELECT count(*), COALESCE(max(extract(epoch FROM clock_timestamp() - state_change)) FILTER (WHERE state = 'idle in transaction'),
            0)::float8
        FROM   pg_stat_activity
        WHERE  datname = current_database() AND application_name LIKE 'worker%'
        """;

    public long MostSessions { get; private set; }

    /// <summary>In seconds.</summary>
    public double LongestIdleInTransaction { get; private set; }

    public async Task Sample()
    {
        var row = (await database.Rows(Look))[0];
        MostSessions = Math.Max(MostSessions, (long)row[0]!);
        LongestIdleInTransaction = Math.Max(LongestIdleInTransaction, (double)row[1]!);
    }
}
