using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>The constraint by which a table's column of the state holds nothing but an <see cref="ItemState"/>, or null.</summary>
internal static class StateCheckDdl
{
    public static SchemaObject Check(ResolvedTable table)
    {
        var name = ObjectNames.Name($"embedding_state{table.Suffix}", table.Found);
        return new(
            ObjectKind.Constraint, table.Schema, table.Name, name,
            $"ADD CONSTRAINT {Sql.Identifier(name)} CHECK ({table.StateName} IN {ItemState.All})");
    }

    /// <summary>The rows are read in a step of its own, whose lock lets the application read and write meanwhile.</summary>
    /// <param name="table">The table.</param>
    /// <param name="records">Statements that record the constraint.</param>
    /// <param name="wasThere">Whether the column was there before, and may have other values.</param>
    public static IEnumerable<MigrationStep> Steps(ResolvedTable table, IReadOnlyList<string> records, bool wasThere)
    {
        var wanted = Check(table);
        var alter = $"ALTER TABLE {table.Table}";
        return
        [
            .. wasThere ? [MigrationStep.Pages(table, Clear(table))] : Array.Empty<MigrationStep>(),
            // Recorded while it is not there, so that one whose validation was interrupted is known as ours, and as unfinished.
            MigrationStep.Transaction([wanted.Key.Removal, .. records, $"{alter} {wanted.Statement} NOT VALID"]),
            MigrationStep.Transaction([$"{alter} VALIDATE CONSTRAINT {Sql.Identifier(wanted.Name)}", .. records]) with
            {
                Explain = e => e.SqlState == PostgresErrorCodes.CheckViolation
                    ? $"The column {table.Name}.{table.Own.State} has values that are not {ItemState.All}: another program or a trigger "
                        + "writes it. Stop that, or declare another name for ours, \"columns\": { \"state\": \"…\" }; then migrate again."
                    : null,
            },
        ];
    }

    // A value that is no state says nothing of the row: it is looked at.
    private static string Clear(ResolvedTable table) =>
        $"""
        cleared AS (
            UPDATE {table.Table} t SET {table.StateName} = NULL
            FROM   page
            WHERE  {table.Id} {Sql.Is} page.key AND {table.State} NOT IN {ItemState.All}
        )
        """;
}
