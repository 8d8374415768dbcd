using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>A declaration that was held against a database: every name in it exists there.</summary>
/// <param name="Declared">As it is declared.</param>
/// <param name="Corpus">With the names that its generation has, see <see cref="PlacedGeneration"/>.</param>
internal sealed record ResolvedCorpus(
    Corpus Declared, Corpus Corpus, string Model, IReadOnlyList<ResolvedTable> Tables, SqlText? ActivePartitions)
{
    /// <summary>The kinds by the table that holds them: mostly one a table, more where a filter tells them apart.</summary>
    public IEnumerable<IReadOnlyList<ResolvedTable>> KindsByTable => Tables.GroupBy(table => table.Table).Select(kinds => kinds.ToList());

    /// <summary>The partitions' type; text where the tables do not agree.</summary>
    public SqlText PartitionType =>
        Tables.Select(table => table.PartitionType).Distinct().Count() == 1 ? Tables[0].PartitionType : Sql.Of($"text");

    public DatabaseSchemas Schemas => Tables[0].Schemas;

    /// <summary>A short name of the declaration's values.</summary>
    public string Declaration { get; } = DeclarationHash.Of(Declared, Model);

    /// <summary>The condition that a partition may embed, to be appended; nothing where the corpus has one partition only.</summary>
    /// <param name="table">The rows' table.</param>
    /// <param name="partition">The partition; null: the row's.</param>
    public SqlText AndIsActive(ResolvedTable table, SqlText? partition = null) =>
        Sql.When(ActivePartitions is not null, $"AND {partition ?? table.Partition} {table.IsPartition} ANY ({ActivePartitions!})");

    public ResolvedTable TableOf(string kind) => Tables.First(table => table.Kind == kind);
}
