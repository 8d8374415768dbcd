using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// Gives the building of a vector index the memory for its graph, and the workers that the server allows, for one statement. Behind a
/// transaction pooler, where a session is also others', nothing is set.
/// </summary>
internal sealed class BuildSession : IAsyncDisposable
{
    private const string Reset =
        "RESET maintenance_work_mem; RESET max_parallel_maintenance_workers; RESET min_parallel_table_scan_size";

    private readonly NpgsqlConnection? _connection;

    private BuildSession(NpgsqlConnection? connection) => _connection = connection;

    /// <summary>
    /// The query that sets it: at most as much memory as the server has shared buffers, which are about a quarter of a server's. A table of
    /// long vectors is small, as they are stored beside it, and would get no workers.
    /// </summary>
    /// <param name="index">The index to build.</param>
    /// <param name="process">The server's process that the connection was shaken hands with.</param>
    private static SqlText Settings(SchemaObject index, int process) =>
        $"""
        SELECT pg_catalog.set_config('maintenance_work_mem', GREATEST(own.setting::bigint, LEAST(shared.setting::bigint * 8, (
                   SELECT count(*) * {Sql.Literal(index.GraphBytes!.Value)} * 6 / 5 / 1024 + 16384
                   FROM   {Sql.Identifier(index.Schema)}.{Sql.Identifier(index.Table)})))::text, false),
               pg_catalog.set_config('max_parallel_maintenance_workers', workers.setting, false),
               pg_catalog.set_config('min_parallel_table_scan_size', '0', false)
        FROM   pg_catalog.pg_settings own, pg_catalog.pg_settings shared, pg_catalog.pg_settings workers
        WHERE  own.name = 'maintenance_work_mem' AND shared.name = 'shared_buffers' AND workers.name = 'max_parallel_workers'
        AND    pg_catalog.pg_backend_pid() = {process}
        """;

    public static async Task<BuildSession> Begin(
        NpgsqlConnection connection, SchemaObject? index, bool isSerial, CancellationToken cancellation)
    {
        if (index is null
            || await connection.ScalarAsync<string>(Settings(index, connection.ProcessID), cancellation, Sql.NoTimeout) is null)
        {
            return new BuildSession(null);
        }

        if (isSerial)
        {
            await connection.RunScriptAsync("SET max_parallel_maintenance_workers = 0", cancellation);
        }

        return new BuildSession(connection);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { State: System.Data.ConnectionState.Open })
        {
            await _connection.RunScriptAsync(Reset, CancellationToken.None);
        }
    }
}
