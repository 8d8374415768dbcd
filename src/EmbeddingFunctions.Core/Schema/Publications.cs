using Npgsql;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>Looks whether tables that are to get columns are published: a subscriber whose table lacks a published column stops.</summary>
internal sealed class Publications(NpgsqlDataSource database)
{
    // One with a list of columns publishes no others.
    private static SqlText FindPublications(ResolvedTable table) =>
        $"""
        SELECT string_agg(p.pubname, ', ' ORDER BY p.pubname)
        FROM   pg_catalog.pg_publication p
        WHERE  p.puballtables
        OR     EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = {table.QuotedName}::regclass
                       AND r.prattrs IS NULL)
        OR     EXISTS (SELECT FROM pg_catalog.pg_publication_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.pnnspid
                       WHERE n.pnpubid = p.oid AND c.oid = {table.QuotedName}::regclass)
        """;

    /// <returns>A sentence for each table that gets columns and is published.</returns>
    public async Task<IReadOnlyList<string>> Warnings(
        ResolvedCorpus corpus, IReadOnlyList<ObjectState> states, CancellationToken cancellation)
    {
        var warnings = new List<string>();
        foreach (var table in corpus.Tables.DistinctBy(table => table.Table))
        {
            var missing = states.Where(state => state is { Live: null, Wanted.Kind: ObjectKind.Column });
            var added = missing.Where(state => (state.Wanted.Schema, state.Wanted.Table) == (table.Schema, table.Name)).ToList();
            if (added.Count > 0 && await database.ScalarAsync<string>(FindPublications(table), cancellation) is { } publications)
            {
                warnings.Add($"{table.Name} is published by {publications}: subscribers stop at its next change until they have "
                    + $"{string.Join(", ", added.Select(state => state.Wanted.Name))} too; add them there, or publish a list of columns");
            }
        }

        return warnings;
    }
}
