using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Builds a table's indexes without blocking its writers, and drops those that an earlier declaration left behind.</summary>
/// <remarks>Only one process may be at it, see <see cref="MigrationTurn"/>.</remarks>
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

    public async Task Build(IReadOnlyList<BoundTable> kinds, Action<string>? progress, CancellationToken cancellation)
    {
        var table = kinds[0];
        var wanted = CorpusShape.Indexes(kinds);
        var found = await Find(table, cancellation);
        foreach (var (name, definition) in wanted.Where(index => !found.GetValueOrDefault(index.Name)))
        {
            progress?.Invoke($"building the index {name}");
            await Build(table, name, definition, cancellation);
        }

        foreach (var name in found.Keys.Where(name => IsOld(name, table) && !wanted.Any(index => index.Name == name)))
        {
            await Run($"DROP INDEX {Concurrently(table)} IF EXISTS {Qualified(table, name)}", cancellation);
        }
    }

    public async Task<bool> Has(BoundTable table, string name, CancellationToken cancellation) => (await Find(table, cancellation)).ContainsKey(name);

    private async Task Build(BoundTable table, string name, string definition, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // A process that died in the middle leaves an index behind that has the name, and is of no use.
                if ((await Find(table, cancellation)).ContainsKey(name))
                {
                    await Run($"DROP INDEX {Concurrently(table)} IF EXISTS {Qualified(table, name)}", cancellation);
                }

                await Run($"CREATE INDEX {Concurrently(table)} {Sql.Identifier(name)} {definition}", cancellation);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected && attempt < Tries)
            {
                // Somebody else changed the table at that moment.
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
            {
                throw new CorpusException($"The index {name} could not be built: {e.MessageText}. Raise statement_timeout for this user, then migrate again.");
            }
        }
    }

    // Postgres builds the indexes of a partitioned table's parts only all at once.
    private static string Concurrently(BoundTable table) => table.Found.IsPartitioned ? "" : "CONCURRENTLY";

    private static bool IsOld(string name, BoundTable table) =>
        CorpusShape.ChangingIndexes(table).Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

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
