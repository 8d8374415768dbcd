using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The extension and the tables that all corpora share: each numbered script once.</summary>
internal sealed class EngineTables(NpgsqlDataSource database)
{
    private const string CreateExtension = "CREATE EXTENSION IF NOT EXISTS vector";

    private const string CreateMigrations =
        """
        CREATE TABLE IF NOT EXISTS embedding_migrations (
            name       text        PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """;

    /// <exception cref="CorpusException">The server has no pgvector, or a table of another program is in the way.</exception>
    public async Task Create(CancellationToken cancellation)
    {
        await DemandExtension(cancellation);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await Run(connection, CreateMigrations, cancellation);
        var applied = await Applied(connection, cancellation);
        foreach (var migration in Migration.All.Where(migration => !applied.Contains(migration.Name)))
        {
            await Apply(connection, migration, cancellation);
        }

        await transaction.CommitAsync(cancellation);
        // Connections that were open before the extension do not know its types.
        await connection.ReloadTypesAsync(cancellation);
    }

    private async Task DemandExtension(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        try
        {
            await Run(connection, CreateExtension, cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new CorpusException($"pgvector cannot be set up ({e.MessageText}): install it on the server, and have its owner run '{CreateExtension}' in this database.");
        }

        await using var command = new NpgsqlCommand("SELECT to_regtype('vector') IS NOT NULL", connection);
        if (await command.ExecuteScalarAsync(cancellation) is not true)
        {
            throw new CorpusException("pgvector is installed in a schema that is not searched: add it to the search path, for example with 'Search Path=public,extensions' in DATABASE_URL.");
        }
    }

    private static async Task Apply(NpgsqlConnection connection, Migration migration, CancellationToken cancellation)
    {
        try
        {
            await Run(connection, migration.Script, cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DuplicateTable)
        {
            throw new CorpusException($"{e.MessageText}, but it is another program's: rename it and migrate again.");
        }

        await Run(connection, $"INSERT INTO embedding_migrations (name) VALUES ({Sql.Literal(migration.Name)})", cancellation);
    }

    private static async Task<HashSet<string>> Applied(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT name FROM embedding_migrations", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var names = new HashSet<string>();
        while (await reader.ReadAsync(cancellation))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
