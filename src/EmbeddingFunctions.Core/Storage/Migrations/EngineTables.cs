using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The extension and the tables that all corpora share: each numbered script once.</summary>
internal sealed class EngineTables(NpgsqlDataSource database)
{
    private const string CreateExtension = "CREATE EXTENSION IF NOT EXISTS vector";

    // Those that this transaction made.
    private static SqlText FindMade =>
        $"""
        SELECT c.relname, c.relkind = 'v'
        FROM   pg_class c
        WHERE  c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'embedding_rules'::regclass) AND c.relkind IN ('r', 'v')
        AND    c.relname LIKE 'embedding\_%' AND c.xmin::text::bigint = pg_current_xact_id()::text::bigint % (2 ^ 32)::bigint
        AND    NOT EXISTS (SELECT FROM {Sql.Raw(Inventory.Records)} o WHERE o.object_name = c.relname)
        """;

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

        foreach (var (name, kind) in await Made(connection, cancellation))
        {
            await Run(connection, kind == PartKind.Table ? PartMaker.WithholdFrom(Sql.Identifier(name)) : "SELECT", cancellation);
            await Run(connection, Record(name, kind), cancellation);
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
        catch (PostgresException e) when (e.SqlState is
            PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new CorpusException(
                $"pgvector cannot be set up ({e.MessageText}): install it on the server, and have its owner run '{CreateExtension}' in "
                    + "this database.");
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

    private static Task<List<(string Name, PartKind Kind)>> Made(NpgsqlConnection connection, CancellationToken cancellation) =>
        connection.QueryAsync(
            FindMade, row => (row.GetString(0), row.GetBoolean(1) ? PartKind.View : PartKind.Table), cancellation);

    private static string Record(string name, PartKind kind) =>
        $"""
        INSERT INTO {Inventory.Records} (kind, schema_name, table_name, object_name, corpus, is_made, fingerprint)
        SELECT '{kind}', n.nspname, '', c.relname, '', true, '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  c.oid = {Sql.Literal(Sql.Identifier(name).ToString())}::regclass
        ON CONFLICT DO NOTHING
        """;

    private static async Task<HashSet<string>> Applied(NpgsqlConnection connection, CancellationToken cancellation) =>
        [.. await connection.QueryAsync($"SELECT name FROM embedding_migrations", row => row.GetString(0), cancellation)];

    private static Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellation) =>
        connection.ExecuteAsync(Sql.Raw(sql), cancellation, Sql.NoTimeout);
}
