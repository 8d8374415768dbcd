using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

internal enum StepKind
{
    /// <summary>The statements in one transaction.</summary>
    Transaction,

    /// <summary>Each statement by itself, outside a transaction.</summary>
    Alone,

    /// <summary>A statement of <see cref="TablePage"/>, again and again until it returns no key.</summary>
    Pages,
}

/// <summary>A piece of a migration that is done whole or not at all.</summary>
internal sealed record MigrationStep(StepKind Kind, IReadOnlyList<string> Statements)
{
    /// <summary>What is reported before it, or null.</summary>
    public string? Title { get; init; }

    /// <summary>What a person reads instead of the server's error, where there is something better to say.</summary>
    public Func<PostgresException, string?> Explain { get; init; } = _ => null;

    /// <summary>Of pages: the table, whose rows are passed over where an owner's trigger or constraint refuses them.</summary>
    public ResolvedTable? Table { get; init; }

    /// <summary>Of a statement by itself: the index over vectors that it builds.</summary>
    public SchemaObject? VectorIndex { get; init; }

    public static MigrationStep Transaction(params IEnumerable<string> statements) => new(StepKind.Transaction, statements.ToList());

    public static MigrationStep Alone(params IEnumerable<string> statements) => new(StepKind.Alone, statements.ToList());

    public static MigrationStep Pages(ResolvedTable table, string work) =>
        new(StepKind.Pages, [work]) { Table = table };

    /// <summary>As psql would run it.</summary>
    public string Script()
    {
        var statements = Statements.Select(statement => $"{statement.TrimEnd().TrimEnd(';')};");
        var script = Kind switch
        {
            StepKind.Transaction =>
                $"BEGIN;\nSET LOCAL lock_timeout = '{LockingStatements.LockTimeout}';\n{string.Join('\n', statements)}\nCOMMIT;",
            // All rows at once, where a migration goes by pages so that it holds no row for long.
            StepKind.Pages => $"{TablePage.Whole(Table!, Statements[0])};",
            _ => string.Join('\n', statements),
        };
        return Title is null ? script : $"-- {Title}\n{script}";
    }
}
