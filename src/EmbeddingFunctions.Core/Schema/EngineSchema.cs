using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>The extension, and the schema <c>embedding</c> with the tables, views and functions that all corpora share.</summary>
internal sealed class EngineSchema(NpgsqlDataSource database, SchemaRange program, IReadOnlyList<SqlScript> versioned)
{
    public const string Name = "embedding";

    private const string CreateExtension = "CREATE EXTENSION IF NOT EXISTS vector";

    private const string CreateJournal =
        """
        CREATE TABLE IF NOT EXISTS embedding.migrations (
            name       text        PRIMARY KEY,
            checksum   text        NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """;

    // What default privileges of the database grant on new tables is not meant for copies of texts.
    private const string WithholdMade =
        """
        DO $withhold$
        DECLARE
            made record;
        BEGIN
            FOR made IN
                SELECT DISTINCT c.relname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
                FROM   pg_class c, aclexplode(c.relacl) a
                WHERE  c.relnamespace = 'embedding'::regnamespace AND c.relkind = 'r' AND a.grantee <> c.relowner
                AND    c.xmin::text::bigint = pg_current_xact_id()::text::bigint % (2 ^ 32)::bigint
            LOOP
                EXECUTE format('REVOKE ALL ON TABLE embedding.%I FROM %s', made.relname, made.grantee);
            END LOOP;
        END
        $withhold$
        """;

    // Objects that this transaction made.
    private const string RecordMade =
        """
        INSERT INTO embedding.objects (kind, schema_name, table_name, object_name, corpus, is_made, fingerprint)
        SELECT kind, 'embedding', '', name, '', true, ''
        FROM  (SELECT CASE relkind WHEN 'v' THEN 'View' ELSE 'Table' END AS kind, relname::text AS name, xmin
               FROM   pg_class WHERE relnamespace = 'embedding'::regnamespace AND relkind IN ('r', 'v')
               UNION ALL
               SELECT 'Function', 'embedding.' || proname || '(' || oidvectortypes(proargtypes) || ')', xmin
               FROM   pg_proc WHERE pronamespace = 'embedding'::regnamespace) made
        WHERE  xmin::text::bigint = pg_current_xact_id()::text::bigint % (2 ^ 32)::bigint
        ON CONFLICT DO NOTHING
        """;

    private const string RecordSchema =
        """
        INSERT INTO embedding.objects (kind, schema_name, table_name, object_name, corpus, is_made, fingerprint)
        VALUES ('Schema', 'embedding', '', 'embedding', '', true, '')
        """;

    private string RecordVersion =>
        $"""
        INSERT INTO embedding.installation (version, compatible_with) VALUES ({program.Current}, {program.CompatibleWith})
        ON CONFLICT (is_only) DO UPDATE SET version = EXCLUDED.version, compatible_with = EXCLUDED.compatible_with
        """;

    /// <summary>Nothing where all scripts were applied as they are.</summary>
    /// <exception cref="DatabaseNotReadyException">A released script was edited.</exception>
    public async Task<IReadOnlyList<MigrationStep>> Plan(CancellationToken cancellation)
    {
        var hasSchema = await database.ScalarAsync<bool>($"SELECT pg_catalog.to_regnamespace('embedding') IS NOT NULL", cancellation);
        var applied = await Applied(cancellation);
        if (
            versioned.FirstOrDefault(
                script => applied.TryGetValue(script.Name, out var sum) && sum != script.Checksum) is { } edited)
        {
            throw new DatabaseNotReadyException(
                $"The script {edited.Name} is not the one that this database ran: it was edited after its release. Use the program that "
                    + "was released.");
        }

        var scripts = versioned.Concat(SqlScript.Repeatable)
            .Where(script => applied.GetValueOrDefault(script.Name) != script.Checksum).ToList();
        return [
            .. await HasExtension(cancellation) ? Array.Empty<MigrationStep>() : [Extension],
            .. scripts.Count == 0 && await IsCurrent(cancellation) ? Array.Empty<MigrationStep>() : [Scripts(scripts, hasSchema)],
        ];
    }

    private static MigrationStep Extension => MigrationStep.Alone(CreateExtension) with
    {
        Explain = e => e.SqlState is
            PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.InsufficientPrivilege
            ? $"pgvector cannot be set up ({e.MessageText}): install it on the server, and have its owner run '{CreateExtension}' in "
                + "this database."
            : null,
    };

    // CREATE SCHEMA IF NOT EXISTS would ask for the right to create schemas where there is nothing to create.
    private MigrationStep Scripts(IEnumerable<SqlScript> scripts, bool hasSchema) => MigrationStep.Transaction([
        .. hasSchema ? Array.Empty<string>() : ["CREATE SCHEMA embedding"], CreateJournal,
        .. scripts.SelectMany(script => (IEnumerable<string>)[script.Text, Journal(script)]),
        WithholdMade, RecordVersion, .. hasSchema ? Array.Empty<string>() : [RecordSchema], RecordMade]) with
    {
        Explain = e => e.SqlState switch
        {
            PostgresErrorCodes.DuplicateTable =>
                $"{e.MessageText} in the schema 'embedding', and no migration made it: rename it and migrate again.",
            PostgresErrorCodes.InsufficientPrivilege =>
                $"The schema 'embedding' cannot be created or changed ({e.MessageText}): have the database's owner run 'CREATE SCHEMA "
                    + "embedding AUTHORIZATION …' for this role, or migrate as the role that did before (42501).",
            _ => null,
        },
    };

    private static string Journal(SqlScript script) =>
        $"""
        INSERT INTO embedding.migrations (name, checksum) VALUES ({Sql.Literal(script.Name)}, {Sql.Literal(script.Checksum)})
        ON CONFLICT (name) DO UPDATE SET checksum = EXCLUDED.checksum, applied_at = now()
        """;

    private Task<bool> HasExtension(CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector')", cancellation);

    private Task<bool> IsCurrent(CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"SELECT EXISTS (SELECT FROM embedding.installation WHERE version = {program.Current})", cancellation);

    private async Task<Dictionary<string, string>> Applied(CancellationToken cancellation)
    {
        try
        {
            return (await database.QueryAsync(
                $"SELECT name, checksum FROM embedding.migrations", row => (row.GetString(0), row.GetString(1)), cancellation))
                .ToDictionary();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Never migrated.
            return [];
        }
    }
}
