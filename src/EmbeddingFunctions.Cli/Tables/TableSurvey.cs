using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tables;

/// <summary>Looks at a table to propose a declaration for it.</summary>
internal sealed class TableSurvey
{
    private static SqlText FindTables =>
        $"""
        SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
        FROM   pg_class c
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        WHERE  c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        AND    n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
        ORDER  BY 1
        """;

    private static SqlText FindReferences(CatalogueTable table) =>
        $"""
        SELECT a.attname, k.confrelid::regclass::text
        FROM   pg_constraint k
        JOIN   pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE  k.contype = 'f' AND cardinality(k.conkey) = 1 AND k.conrelid = {table.Quoted.ToString()}::regclass
        ORDER  BY a.attnum
        """;

    private readonly NpgsqlDataSource _database;
    private readonly Catalogue _catalogue;

    private readonly bool _isLocal;

    public TableSurvey(NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings) =>
        (_database, _catalogue, _isLocal) = (database, catalogue, settings.Provider == ProviderChoice.Local);

    /// <exception cref="NotFoundException">There is no such table.</exception>
    /// <exception cref="InvalidCorpusException">It has no key or no text, or its rows cannot be read.</exception>
    public async Task<TableProposal> Propose(string name, CancellationToken cancellation)
    {
        if (!(await _catalogue.Find([name], cancellation)).TryGetValue(name, out var table))
        {
            var tables = await _database.QueryAsync(FindTables, reader => reader.GetString(0), cancellation);
            var hint = NearestName.Hint(name, tables);
            var advice = hint.Length > 0 ? hint : " in this database; a table of another schema is written schema.table.";
            throw new NotFoundException($"There is no table '{name}'{advice}");
        }

        var references = await _database.QueryAsync(
            FindReferences(table), reader => (reader.GetString(0), reader.GetString(1)), cancellation);
        var vectors = table.Columns.ContainsKey(CorpusTable.DefaultVector)
            ? await ExistingVectors.Count(_database, table.Quoted, CorpusTable.DefaultVector, cancellation)
            : null;
        return TableProposal.Of(name, table, references, await Sample(name, table, cancellation), _isLocal, vectors);
    }

    private async Task<TableSample> Sample(string name, CatalogueTable table, CancellationToken cancellation)
    {
        try
        {
            return await TableSample.Read(_database, table, cancellation);
        }
        catch (PostgresException e)
        {
            throw new InvalidCorpusException(
                $"The rows of the {table.KindInWords} '{name}' cannot be read: {e.MessageText} ({e.SqlState}).");
        }
    }
}
