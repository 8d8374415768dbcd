using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Builds a table's indexes without blocking its writers, and drops those that an earlier rule left behind.</summary>
internal sealed class IndexBuilder(NpgsqlDataSource database)
{
    private const int Tries = 5;

    private const string FindIndexes =
        """
        SELECT c.relname, i.indisvalid
        FROM   pg_index i
        JOIN   pg_class c ON c.oid = i.indexrelid
        WHERE  i.indrelid = $1::regclass
        AND    c.relname LIKE 'embedding\_%'
        """;

    public async Task Build(BoundTable table, Action<string>? progress, CancellationToken cancellation)
    {
        var wanted = CorpusShape.Indexes(table).ToList();
        var found = await Find(table, cancellation);
        foreach (var (name, definition) in wanted.Where(index => !found.GetValueOrDefault(index.Name)))
        {
            progress?.Invoke($"building the index {name}");
            await Build(table, name, definition, cancellation);
        }

        foreach (var name in found.Keys.Where(name => IsOld(name, table) && wanted.TrueForAll(index => index.Name != name)))
        {
            await Run($"DROP INDEX CONCURRENTLY IF EXISTS {Qualified(table, name)}", cancellation);
        }
    }

    private async Task Build(BoundTable table, string name, string definition, CancellationToken cancellation)
    {
        for (var attempt = 1; attempt <= Tries; attempt++)
        {
            try
            {
                await Run($"CREATE INDEX CONCURRENTLY IF NOT EXISTS {Sql.Identifier(name)} {definition}", cancellation);
                if ((await Find(table, cancellation)).GetValueOrDefault(name))
                {
                    return;
                }

                // Left half-built by a process that died, or still being built by another: that one holds a lock which the drop waits for.
                await Run($"DROP INDEX CONCURRENTLY IF EXISTS {Qualified(table, name)}", cancellation);
            }
            catch (PostgresException e) when (attempt < Tries && IsRace(e))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200 * attempt), cancellation);
            }
        }

        throw new CorpusException($"The index {name} could not be built in {Tries} tries: look at the database's log, then migrate again.");
    }

    // Two processes that build the same index at once: one of them finds the name taken, or waits for the other in a circle.
    private static bool IsRace(PostgresException e) => e.SqlState is
        PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.UndefinedObject;

    private static bool IsOld(string name, BoundTable table) =>
        name.StartsWith(CorpusShape.PendingIndexPrefix(table), StringComparison.Ordinal);

    private static string Qualified(BoundTable table, string name) => $"{Sql.Identifier(table.Schema)}.{Sql.Identifier(name)}";

    private async Task<Dictionary<string, bool>> Find(BoundTable table, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FindIndexes);
        command.Parameters.Add(new() { Value = table.Table });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var indexes = new Dictionary<string, bool>();
        while (await reader.ReadAsync(cancellation))
        {
            indexes[reader.GetString(0)] = reader.GetBoolean(1);
        }

        return indexes;
    }

    private async Task Run(string sql, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
