using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>Which partitions may embed.</summary>
internal static partial class CorpusResolver
{
    private static IEnumerable<DeclarationFault> CheckPartitions(Corpus corpus, IReadOnlyDictionary<string, CatalogueTable> tables)
    {
        if (corpus.Partitions is not { } partitions)
        {
            return [];
        }

        var listed = Missing(
            tables, partitions.Table,
            [.. Filters(partitions.Filter), ("column", partitions.Column), ("owner.referredBy", partitions.Owner?.ReferredBy)]);
        var owners = partitions.Owner is { } owner
            ? Missing(tables, owner.Table, [.. Filters(owner.Filter), ("id", owner.Id)]).Select(fault => fault.Within("owner"))
            : [];
        return listed.Concat(owners).Select(fault => fault.Within("partitions", "partitions"));
    }

    // One row an active partition, the column called "key".
    private static SqlText? ActivePartitions(Corpus corpus, IReadOnlyDictionary<string, CatalogueTable> tables)
    {
        if (corpus.Partitions is not { } partitions)
        {
            return null;
        }

        var listed = tables[partitions.Table];
        var conditions = partitions.Filter.Select(filter => ResolvedTable.Condition(Sql.Of($"p."), listed, filter)).ToList();
        var join = Sql.Empty;
        if (partitions.Owner is { } owner)
        {
            var owners = tables[owner.Table];
            var isOwner = Sql.Of($"o.{Sql.Identifier(owner.Id)} {owners.Columns[owner.Id].Is} p.{Sql.Identifier(owner.ReferredBy)}");
            join = Sql.Of($"JOIN {owners.Quoted} o ON {isOwner}");
            conditions.AddRange(owner.Filter.Select(filter => ResolvedTable.Condition(Sql.Of($"o."), owners, filter)));
        }

        var key = Sql.Identifier(partitions.Column);
        conditions.Add(Sql.Of($"p.{key} IS NOT NULL"));
        return Sql.Of($"SELECT DISTINCT p.{key} AS key FROM {listed.Quoted} p {join} WHERE {Sql.Join(" AND ", conditions)}");
    }
}
