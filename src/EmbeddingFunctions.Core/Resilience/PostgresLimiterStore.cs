using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Resilience;

/// <summary>One row for each model, by the database's clock. The table is unlogged: a crash of the server costs one probe.</summary>
internal sealed class PostgresLimiterStore(NpgsqlDataSource database, TimeProvider time) : ILimiterStore
{
    private const int TimeoutInSeconds = 2;

    private const string ReadState =
        "SELECT (SELECT state::text FROM embedding_provider_flow WHERE provider = $1), clock_timestamp(), false";

    private const string ExchangeState =
        """
        WITH written AS (
            INSERT INTO embedding_provider_flow AS f (provider, state) VALUES ($1, $3::jsonb)
            ON CONFLICT (provider) DO UPDATE SET state = EXCLUDED.state
            WHERE  f.state = $2::jsonb
            RETURNING f.state
        )
        SELECT COALESCE((SELECT state FROM written), (SELECT state FROM embedding_provider_flow WHERE provider = $1))::text,
               clock_timestamp(), EXISTS (SELECT FROM written)
        """;

    private readonly Cooldown _cooldown = new(time);

    public Task<StoredState?> Read(string name) => Query(ReadState, name);

    public Task<StoredState?> Exchange(string name, string? expected, string next) => Query(ExchangeState, name, expected, next);

    // Not cancelled with the caller: a change that may have been made must be known.
    private async Task<StoredState?> Query(string sql, params string?[] values)
    {
        if (_cooldown.IsActive)
        {
            return null;
        }

        try
        {
            await using var command = database.CreateCommand(sql);
            command.CommandTimeout = TimeoutInSeconds;
            foreach (var value in values)
            {
                command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = value });
            }

            await using var reader = await command.ExecuteReaderAsync();
            await reader.ReadAsync();
            var state = reader.IsDBNull(0) ? null : reader.GetString(0);
            return new StoredState(state, reader.GetFieldValue<DateTimeOffset>(1), reader.GetBoolean(2));
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            _cooldown.Start();
            return null;
        }
    }
}
