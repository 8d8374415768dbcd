using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>Runs the steps of a migration; what is done stays done when a later one fails.</summary>
internal sealed class StepRunner(NpgsqlDataSource database, LockingStatements locking, ILogger log)
{
    private const int Tries = 5;

    public async Task Run(IEnumerable<MigrationStep> steps, Action<string>? progress, CancellationToken cancellation)
    {
        foreach (var step in steps)
        {
            if (step.Title is { } title)
            {
                progress?.Invoke(title);
            }

            var (level, name, begun) = (
                step.Title is null ? LogLevel.Debug : LogLevel.Information, step.Title ?? $"{step.Kind}",
                TimeProvider.System.GetTimestamp());
            log.MigrationStepBegins(level, name);
            try
            {
                await Run(step, progress, cancellation);
                log.MigrationStepIsDone(level, name, TimeProvider.System.GetElapsedTime(begun).TotalSeconds);
            }
            catch (PostgresException e) when (step.Explain(e) is { } explained)
            {
                throw new DatabaseNotReadyException(explained);
            }
        }
    }

    private Task Run(MigrationStep step, Action<string>? progress, CancellationToken cancellation) => step.Kind switch
    {
        StepKind.Pages => Pages(step, progress, cancellation),
        StepKind.Alone => Alone(step, cancellation),
        _ when step.Statements.Count == 0 => Task.CompletedTask,
        _ => locking.Run(async connection =>
        {
            foreach (var statement in step.Statements.Where(statement => statement.Length > 0))
            {
                await Run(connection, statement, cancellation);
            }

            return 0;
        }, progress, cancellation),
    };

    private static Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellation) =>
        sql.StartsWith(Views.Create, StringComparison.Ordinal)
            ? Views.Put(connection, sql, cancellation) : Execute(connection, sql, cancellation);

    private static Task Execute(NpgsqlConnection connection, string sql, CancellationToken cancellation) =>
        connection.RunScriptAsync(sql, cancellation);

    private async Task Alone(MigrationStep step, CancellationToken cancellation)
    {
        var isSerial = false;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                foreach (var statement in step.Statements)
                {
                    await using var connection = await database.OpenConnectionAsync(cancellation);
                    await using var session = await BuildSession.Begin(connection, step.VectorIndex, isSerial, cancellation);
                    await Execute(connection, statement, cancellation);
                }

                return;
            }
            // Parallel workers share memory that a container may not have.
            catch (PostgresException e) when (
                !isSerial && step.VectorIndex is not null
                && e.SqlState is PostgresErrorCodes.DiskFull or PostgresErrorCodes.OutOfMemory)
            {
                isSerial = true;
                log.MigrationStepIsRepeated(e.SqlState);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected && attempt < Tries)
            {
                log.MigrationStepIsRepeated(e.SqlState);
            }
        }
    }

    // Each page by itself, so that no writer waits for long. A row that its owner's trigger or constraint refuses is found by smaller
    // pages, and passed over.
    private async Task Pages(MigrationStep step, Action<string>? progress, CancellationToken cancellation)
    {
        var (last, rows, refused) = ((string?)null, TablePage.Rows, 0);
        while (true)
        {
            var isPassedOver = rows == 0;
            try
            {
                var page = TablePage.Of(step.Table!, last, Math.Max(rows, 1), isPassedOver ? null : step.Statements[0]);
                var next = await locking.Run(
                    connection => connection.ScalarAsync<string>(page, cancellation, Sql.NoTimeout), progress, cancellation);
                if (next is null)
                {
                    break;
                }

                (last, rows) = (next, Math.Min(TablePage.Rows, Math.Max(rows, 1) * 2));
            }
            catch (PostgresException e) when (!isPassedOver && WriteFaults.IsOfARow(e))
            {
                rows /= 2;
                refused += rows == 0 ? 1 : 0;
            }
        }

        if (refused > 0)
        {
            progress?.Invoke($"{refused:N0} rows are as they were, because a trigger or a constraint refuses to have them written");
        }
    }
}
