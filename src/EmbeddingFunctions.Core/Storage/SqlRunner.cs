using System.Runtime.CompilerServices;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Runs statements. One without a time-out of its own has the connection string's.</summary>
internal static class SqlRunner
{
    public static Task<List<T>> QueryAsync<T>(
        this NpgsqlDataSource database, SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation,
        TimeSpan? timeout = null) =>
        database.StreamAsync(statement, row, cancellation, timeout).ToListAsync(cancellation).AsTask();

    public static Task<List<T>> QueryAsync<T>(
        this NpgsqlConnection connection, SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation) =>
        Stream(connection.CreateCommand(), statement, null, row, cancellation).ToListAsync(cancellation).AsTask();

    /// <summary>Rows as they come, over a connection of their own until the last is read.</summary>
    public static IAsyncEnumerable<T> StreamAsync<T>(
        this NpgsqlDataSource database, SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation,
        TimeSpan? timeout = null) =>
        Stream(database.CreateCommand(), statement, timeout, row, cancellation);

    /// <returns>The first row's first value; the type's default if that is NULL or there is no row.</returns>
    public static Task<T?> ScalarAsync<T>(
        this NpgsqlDataSource database, SqlText statement, CancellationToken cancellation, TimeSpan? timeout = null) =>
        Scalar<T>(database.CreateCommand(), statement, timeout, cancellation);

    public static Task<T?> ScalarAsync<T>(
        this NpgsqlConnection connection, SqlText statement, CancellationToken cancellation, TimeSpan? timeout = null) =>
        Scalar<T>(connection.CreateCommand(), statement, timeout, cancellation);

    /// <returns>How many rows were written.</returns>
    public static Task<int> ExecuteAsync(
        this NpgsqlDataSource database, SqlText statement, CancellationToken cancellation, TimeSpan? timeout = null) =>
        Execute(database.CreateCommand(), statement, timeout, cancellation);

    public static Task<int> ExecuteAsync(
        this NpgsqlConnection connection, SqlText statement, CancellationToken cancellation, TimeSpan? timeout = null) =>
        Execute(connection.CreateCommand(), statement, timeout, cancellation);

    /// <summary>Runs statements in one transaction and one round trip.</summary>
    /// <returns>How many rows were written by all of them.</returns>
    public static async Task<int> ExecuteAsync(
        this NpgsqlDataSource database, IEnumerable<SqlText> statements, CancellationToken cancellation)
    {
        await using var batch = database.CreateBatch().With(statements);
        return await batch.ExecuteNonQueryAsync(cancellation);
    }

    public static async Task<int> ExecuteAsync(
        this NpgsqlConnection connection, IEnumerable<SqlText> statements, CancellationToken cancellation)
    {
        await using var batch = connection.CreateBatch().With(statements);
        return await batch.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Runs statements of a migration, as psql would, without a time-out.</summary>
    public static async Task RunScriptAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        // A command is cut at each semicolon, a batch's is not.
        if (sql.Contains("BEGIN ATOMIC", StringComparison.Ordinal))
        {
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new NpgsqlBatchCommand(sql) }, Timeout = 0 };
            await batch.ExecuteNonQueryAsync(cancellation);
            return;
        }

        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Runs statements in one transaction and one round trip, and reads what they answer.</summary>
    /// <param name="database">The database.</param>
    /// <param name="statements">The statements.</param>
    /// <param name="cancellation">Ends them.</param>
    /// <param name="rows">Reads a row: one for each statement that answers rows, in their order.</param>
    public static async Task ReadAsync(
        this NpgsqlDataSource database, IEnumerable<SqlText> statements, CancellationToken cancellation,
        params IEnumerable<Action<NpgsqlDataReader>> rows)
    {
        await using var batch = database.CreateBatch().With(statements);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        foreach (var row in rows)
        {
            while (await reader.ReadAsync(cancellation))
            {
                row(reader);
            }

            await reader.NextResultAsync(cancellation);
        }
    }

    /// <returns>A column as text, or null.</returns>
    public static string? Text(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    /// <returns>Columns that stand side by side, as <see cref="ResolvedTable.TextColumns"/> do.</returns>
    public static List<string?> Texts(this NpgsqlDataReader reader, int first, int count) =>
        Enumerable.Range(first, count).Select(reader.Text).ToList();

    private static async IAsyncEnumerable<T> Stream<T>(
        NpgsqlCommand command, SqlText statement, TimeSpan? timeout, Func<NpgsqlDataReader, T> row,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var prepared = command.With(statement, timeout);
        await using var reader = await prepared.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            yield return row(reader);
        }
    }

    private static async Task<T?> Scalar<T>(NpgsqlCommand command, SqlText statement, TimeSpan? timeout, CancellationToken cancellation)
    {
        await using var prepared = command.With(statement, timeout);
        await using var reader = await prepared.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) && !await reader.IsDBNullAsync(0, cancellation) ? reader.GetFieldValue<T>(0) : default;
    }

    private static async Task<int> Execute(NpgsqlCommand command, SqlText statement, TimeSpan? timeout, CancellationToken cancellation)
    {
        await using var prepared = command.With(statement, timeout);
        return await prepared.ExecuteNonQueryAsync(cancellation);
    }

    private static NpgsqlCommand With(this NpgsqlCommand command, SqlText statement, TimeSpan? timeout)
    {
        var values = new List<SqlValue>();
        command.CommandText = statement.Render(values);
        command.Parameters.AddRange(values.Select(value => value.Parameter()).ToArray());
        command.CommandTimeout = (int?)timeout?.TotalSeconds ?? command.CommandTimeout;
        return command;
    }

    private static NpgsqlBatch With(this NpgsqlBatch batch, IEnumerable<SqlText> statements)
    {
        foreach (var statement in statements)
        {
            var values = new List<SqlValue>();
            var command = new NpgsqlBatchCommand(statement.Render(values));
            command.Parameters.AddRange(values.Select(value => value.Parameter()).ToArray());
            batch.BatchCommands.Add(command);
        }

        return batch;
    }
}
