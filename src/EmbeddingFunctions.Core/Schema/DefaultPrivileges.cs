namespace EmbeddingFunctions.Schema;

/// <summary>Takes back what default privileges of a database grant on new tables: copies of texts are not for everyone.</summary>
internal static class DefaultPrivileges
{
    private const string Withhold =
        """
        DO $withhold$
        DECLARE
            grantee text;
        BEGIN
            FOR grantee IN
                SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                FROM   pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
                WHERE  c.oid = '{0}'::pg_catalog.regclass AND a.grantee <> c.relowner
            LOOP
                EXECUTE 'REVOKE ALL ON TABLE {0} FROM ' || grantee;
            END LOOP;
        END
        $withhold$
        """;

    /// <param name="table">As SQL writes it.</param>
    public static string RevokeFrom(string table) =>
        Withhold.Replace("{0}", table.Replace("'", "''", StringComparison.Ordinal), StringComparison.Ordinal);
}
