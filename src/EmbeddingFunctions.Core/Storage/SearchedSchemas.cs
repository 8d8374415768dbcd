using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Looks whether a stranger can put a function or an operator where this role's statements look for one: it would run with this role's
/// rights.
/// </summary>
internal sealed class SearchedSchemas(NpgsqlDataSource database)
{
    // Trusted with this role's rights: superusers, this role, the schema's and the database's owner, and owners of the corpus's tables,
    // whose triggers run with them anyway. An object is suspect if it shares its name with one of Postgres's own, and no extension brought
    // it.
    private static SqlText FindUntrustedObjects(string[] tables) =>
        $"""
        WITH trusted AS (
            SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper OR rolname = current_user OR rolname = 'pg_database_owner'
            UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
            UNION SELECT relowner FROM pg_catalog.pg_class WHERE oid = ANY ({tables}::regclass[]::oid[])
        ),
        searched AS (
            SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
            WHERE  nspname = ANY (pg_catalog.current_schemas(false)) AND nspname <> 'pg_catalog'
        )
        SELECT s.nspname || ': ' || CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END ||
            ' may create objects there; run '
               || pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM ', s.nspname)
               || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)::text) END
        FROM   searched s CROSS JOIN LATERAL pg_catalog.aclexplode(s.nspacl) a
        WHERE  a.privilege_type = 'CREATE' AND a.grantee <> s.nspowner AND NOT EXISTS (SELECT FROM trusted t WHERE t.oid = a.grantee)
        UNION ALL
        SELECT s.nspname || ': ' || pg_catalog.pg_get_userbyid(p.proowner) || ' owns the function ' || p.proname ||
            ' there, a name of Postgres''s own; drop or rename it'
        FROM   searched s JOIN pg_catalog.pg_proc p ON p.pronamespace = s.oid
        WHERE  p.proowner <> s.nspowner AND NOT EXISTS (SELECT FROM trusted t WHERE t.oid = p.proowner)
        AND    EXISTS (SELECT FROM pg_catalog.pg_proc own WHERE own.proname = p.proname AND own.pronamespace = 'pg_catalog'::regnamespace)
        AND    NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
        UNION ALL
        SELECT s.nspname || ': ' || pg_catalog.pg_get_userbyid(o.oprowner) || ' owns the operator ' || o.oprname || ' there; drop it'
        FROM   searched s JOIN pg_catalog.pg_operator o ON o.oprnamespace = s.oid
        WHERE  o.oprowner <> s.nspowner AND NOT EXISTS (SELECT FROM trusted t WHERE t.oid = o.oprowner)
        AND    NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = o.oid AND d.classid = 'pg_operator'::regclass AND d.deptype =
            'e')
        LIMIT  20
        """;

    /// <returns>A line each, with what to do about it.</returns>
    public async Task<IReadOnlyList<string>> UntrustedObjects(ResolvedCorpus corpus, CancellationToken cancellation) =>
        await database.QueryAsync(
            FindUntrustedObjects(corpus.Tables.Select(table => table.QuotedName).Distinct().ToArray()), row => row.GetString(0),
            cancellation);

    /// <exception cref="DatabaseNotReadyException">A stranger may.</exception>
    public async Task Ensure(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        if (await UntrustedObjects(corpus, cancellation) is { Count: > 0 } strangers)
        {
            throw new DatabaseNotReadyException(
                "Others could have this role run code of theirs, through a schema that it searches:"
                + string.Concat(strangers.Select(stranger => $"\n  - {stranger}"))
                + "\nOr leave the schema out of this role's search_path.");
        }
    }
}
