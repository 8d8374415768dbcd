using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Resilience;

/// <summary>One row for each model, by the database's clock. The table is unlogged: a crash of the server costs one probe.</summary>
internal sealed class PostgresLimiterStore(NpgsqlDataSource database, TimeProvider time) : ILimiterStore
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(2);

    private static SqlText ReadState(string name) =>
        $"SELECT (SELECT state::text FROM embedding.limiters WHERE provider = {name}), clock_timestamp(), false";

    private static SqlText ExchangeState(string name, string? expected, string next) =>
        $"""
        WITH written AS (
            INSERT INTO embedding.limiters AS f (provider, state) VALUES ({name}, {next}::jsonb)
            ON CONFLICT (provider) DO UPDATE SET state = EXCLUDED.state
            WHERE  f.state = {expected}::jsonb
            RETURNING f.state
        )
        SELECT COALESCE((SELECT state FROM written), (SELECT state FROM embedding.limiters WHERE provider = {name}))::text,
               clock_timestamp(), EXISTS (SELECT FROM written)
        """;

    private readonly Cooldown _cooldown = new(time);

    public Task<StoredState?> Read(string name) => Query(ReadState(name));

    public Task<StoredState?> Exchange(string name, string? expected, string next) => Query(ExchangeState(name, expected, next));

    // Not cancelled with the caller: a change that may have been made must be known.
    private async Task<StoredState?> Query(SqlText statement)
    {
        if (_cooldown.IsActive)
        {
            return null;
        }

        try
        {
            return (await database.QueryAsync(
                statement, row => new StoredState(row.Text(0), row.GetFieldValue<DateTimeOffset>(1), row.GetBoolean(2)),
                CancellationToken.None, _timeout)).Single();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            _cooldown.Start();
            return null;
        }
    }
}
