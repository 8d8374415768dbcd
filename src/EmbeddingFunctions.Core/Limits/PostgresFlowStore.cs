using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Limits;

/// <summary>One row a provider's model, by the database's clock. Unlogged: after a crash of the server one caller finds out anew how the provider is.</summary>
/// <param name="database">Where the row is.</param>
/// <param name="time">Tells when to try again.</param>
/// <param name="redis">For whose absence it stands in, but for the question whether a key is well, which is settled here; null: there is none.</param>
internal sealed class PostgresFlowStore(NpgsqlDataSource database, TimeProvider time, RedisConnection? redis = null) : IFlowStore
{
    // By then the others should have missed Redis too; before, they may be using its whole limit still.
    private static readonly TimeSpan _allKnow = TimeSpan.FromSeconds(30);

    private const int PatienceInSeconds = 2;

    private const string ReadState = "SELECT (SELECT state::text FROM embedding_provider_flow WHERE provider = $1), clock_timestamp(), false";

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

    private readonly CoolOff _coolOff = new(time);

    public double Part => redis is null || redis.AwayFor > _allKnow ? 1 : 0.25;

    public Task<KeptFlow?> Read(string provider, CancellationToken cancellation) => Ask(ReadState, cancellation, provider);

    public Task<KeptFlow?> Exchange(string provider, string? expected, string next, CancellationToken cancellation) =>
        Ask(ExchangeState, cancellation, provider, expected, next);

    private async Task<KeptFlow?> Ask(string sql, CancellationToken cancellation, params string?[] values)
    {
        if (_coolOff.IsOn)
        {
            return null;
        }

        try
        {
            await using var command = database.CreateCommand(sql);
            command.CommandTimeout = PatienceInSeconds;
            foreach (var value in values)
            {
                command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = value });
            }

            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            return new KeptFlow(reader.IsDBNull(0) ? null : reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetBoolean(2));
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            _coolOff.Begin();
            return null;
        }
    }
}
