using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>The table that keeps a table's vectors beside it, and how it is filled.</summary>
internal static class CompanionDdl
{
    private const string Policy = "\"embedding_vectors_of_visible_rows\"";

    /// <summary>
    /// There is no foreign key: it would make Postgres refuse a plain TRUNCATE or DROP TABLE of the owner's. A role that may read it sees
    /// the vectors of the rows that it may see.
    /// </summary>
    public static SchemaObject Table(Corpus corpus, ResolvedTable table)
    {
        var (holder, bare) = (table.Holder, table.WithRow(""));
        var keys = string.Join(", ", table.KeyColumns.Select(Sql.Identifier));
        IEnumerable<string> columns =
        [
            .. table.Copied.Select(column =>
                $"{Sql.Identifier(column)} "
                    + $"{table.Found.Columns[column].Definition}{(table.KeyColumns.Contains(column) ? " NOT NULL" : "")}"),
            .. table.KeyColumns.Count > 1 ? [$"{bare.Id} text NOT NULL UNIQUE"] : Array.Empty<string>(),
            // A row that is deleted and inserted again begins with another number than the one before it.
            $"{Sql.Identifier(OwnColumns.Revision)} bigint NOT NULL DEFAULT (EXTRACT(epoch FROM clock_timestamp()) * 1000000)::bigint",
            $"{table.VectorName} {table.VectorColumnType}",
            .. table.Own.Always.Select(column => $"{Sql.Identifier(column.Column)} {column.Type}"),
            .. table.HasTriggers ? [] : new[] { $"{CompanionTable.SeenName} bytea" },
            $"CHECK ({table.StateName} IN {ItemState.All})",
            $"PRIMARY KEY ({keys})",
        ];
        return new(
            ObjectKind.Table, holder.Schema, "", holder.Name, $"CREATE TABLE {table.Target} (\n    {string.Join(",\n    ", columns)}\n)")
        {
            Finish =
                $"""
                ALTER TABLE {table.Target} ENABLE ROW LEVEL SECURITY;
                DROP POLICY IF EXISTS {Policy} ON {table.Target};
                CREATE POLICY {Policy} ON {table.Target} USING ({Sees(corpus, table)}({keys}))
                """,
        };
    }

    /// <summary>
    /// The vectors of the live generation under a name that stays. Their type does not say the width, so that the view can be replaced by
    /// one of another width whatever depends on it.
    /// </summary>
    public static SchemaObject LiveView(Corpus corpus, ResolvedTable table)
    {
        var (name, bare) = ($"live_{corpus.DeclaredName}_{table.Kind}", table.WithRow(""));
        var columns = table.KeyColumns.Select(Sql.Identifier)
            .Append(Sql.Of($"{table.VectorName}::{table.AnyWidth} AS {table.VectorName}"))
            .Concat(table.Own.Always.Select(column => column.Column == table.Own.Rule && table.HasTriggers
                ? Sql.Of(
                    $"CASE WHEN NOT {bare.IsEdited} AND NOT {bare.IsChanged} THEN {table.RuleName} END AS {table.RuleName}")
                : Sql.Identifier(column.Column)));
        return new(
            ObjectKind.View, table.Holder.Schema, "", name,
            $"CREATE OR REPLACE VIEW {Sql.Identifier(table.Holder.Schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS\n"
                + $"SELECT {Sql.Join(", ", columns)} FROM {table.Target}");
    }

    /// <summary>
    /// Whether the role sees the row of a key. A policy that named the owner's table would make Postgres refuse a DROP TABLE of it. All
    /// names are written with their schemas, so that no search path is set for each row.
    /// </summary>
    public static SchemaObject SeesRow(Corpus corpus, ResolvedTable table) => SeesRow(Sees(corpus, table), table.Holder.Schema, table);

    /// <summary>The same for another table that follows the owner's.</summary>
    public static SchemaObject SeesRow(string function, string schema, ResolvedTable table)
    {
        var keys = table.KeyColumns.Select(key => table.Found.Columns[key]).ToList();
        var isSame = Sql.Join(
            " AND ", table.KeyColumns.Select((key, i) => Sql.Of($"s.{Sql.Identifier(key)} {keys[i].Is} {Sql.Raw($"${i + 1}")}")));
        var signature = $"{function}({string.Join(", ", keys.Select(key => key.SqlType))})";
        return new(ObjectKind.PolicyFunction, schema, "", signature,
            $"CREATE OR REPLACE FUNCTION {signature} RETURNS boolean LANGUAGE plpgsql STABLE AS "
                + Sql.Literal($"BEGIN RETURN EXISTS (SELECT FROM {table.Table} s WHERE {isSame}); END"));
    }

    private static string Sees(Corpus corpus, ResolvedTable table) =>
        ObjectNames.Function("sees", table.Holder with { Name = $"{corpus.Name}_{table.Kind}" });

    /// <summary>Columns that have another type in the owner's table since the companion was made.</summary>
    public static async Task<IReadOnlyList<string>> Retyped(ResolvedTable table, Catalogue catalogue, CancellationToken cancellation)
    {
        var name = $"{table.Holder.Schema}.{table.Holder.Name}";
        return (await catalogue.Find([name], cancellation)).GetValueOrDefault(name) is not { } found ? []
            : table.Copied.Where(
                column => found.Columns.GetValueOrDefault(column) is { } copy
                    && copy.Definition.ToString() != table.Found.Columns[column].Definition.ToString()).ToList();
    }

    /// <summary>
    /// Steps that give companions the types that the owners' columns have now; the policy, which names them, is made again after them.
    /// </summary>
    public static async Task<IReadOnlyList<MigrationStep>> Retype(
        ResolvedCorpus corpus, NpgsqlDataSource database, Catalogue catalogue, CancellationToken cancellation)
    {
        var (steps, views) = (new List<MigrationStep>(), CorpusDdl.ViewsOf(corpus).ToList());
        foreach (var table in corpus.Tables.Where(table => table.IsBeside))
        {
            var columns = await Retyped(table, catalogue, cancellation);
            var changes = columns.Select(column => (Name: Sql.Identifier(column), Type: table.Found.Columns[column])).Select(
                column => $"ALTER COLUMN {column.Name} TYPE {column.Type.Definition} USING {column.Name}::text::{column.Type.SqlType}");
            var rights = new List<string>();
            foreach (var view in columns.Count == 0 ? [] : views)
            {
                rights.AddRange(await database.ScalarAsync<string[]>(Rights.OfView(view.Key.Relation), cancellation) ?? []);
            }

            steps.AddRange(columns.Count == 0 ? [] : [
                MigrationStep.Transaction([
                    $"DROP POLICY IF EXISTS {Policy} ON {table.Target}", .. views.Select(view => view.Key.Removal),
                    $"ALTER TABLE {table.Target} {string.Join(", ", changes)}",
                    .. table.Follower is { } follower ? ChangesDdl.Retype(follower, columns) : [],
                    .. views.Select(view => view.Statement), .. rights])]);
        }

        return steps;
    }

    /// <summary>For <see cref="TablePage"/>: items that the companion lacks, as pending ones.</summary>
    public static string Fill(ResolvedTable table) =>
        $"""
        filled AS (
            INSERT INTO {table.Target} ({CompanionTable.Names(table)})
            SELECT {CompanionTable.Values(table, Sql.Of($"t."))}
            FROM   {table.Table} t JOIN page ON {TablePage.Has(table, "t.")}
            WHERE  (true{table.DeclaredFilter}) IS TRUE
            ON CONFLICT DO NOTHING
        )
        """;
}
