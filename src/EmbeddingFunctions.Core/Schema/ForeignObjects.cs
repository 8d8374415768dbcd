using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>Objects in a corpus's way that no migration of it made.</summary>
internal sealed class ForeignObjects(NpgsqlDataSource database) : IMigrationObstacles
{
    private readonly Inventory _inventory = new(database);

    public async Task<IReadOnlyList<DeclarationFault>> Faults(ResolvedCorpus corpus, bool takeOver, CancellationToken cancellation)
    {
        if (await OtherStore(corpus, cancellation) is { } other)
        {
            return [other];
        }

        var states = await _inventory.Compare(corpus.Corpus.Name, CorpusDdl.Objects(corpus), cancellation);
        var faults = states.Where(state => state.Other is not null).GroupBy(state => (state.Other, state.Wanted.Table))
            .Select(
                of =>
                    new DeclarationFault(
                        Path(corpus, of.First().Wanted), of.Key.Table == "" ? $"{of.First().Wanted.Key} is the corpus '{of.Key.Other}''s"
                : $"the table {of.Key.Table} is embedded by the corpus '{of.Key.Other}' already: a table has one corpus; 'embeddings "
                    + $"migrate {of.Key.Other} --down' ends that"))
            .ToList();
        foreach (var state in states.Where(state => state.IsForeign && !takeOver))
        {
            faults.Add(await Fault(corpus, state.Wanted, cancellation));
        }

        return faults;
    }

    /// <returns>That the corpus was migrated for the other store, whose vectors a migration would leave behind unseen; or null.</returns>
    public async Task<DeclarationFault?> OtherStore(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var name = corpus.Corpus.Name;
        var chunks = corpus.Corpus.Tables.Select(table => table.Chunks?.Table).ToList();
        var made = (await _inventory.Of(name, cancellation)).Select(found => found.Key).ToList();
        var columns = made.Where(key => key.Kind == ObjectKind.Column).Select(key => key.Table).Distinct().ToList();
        var tables = made
            .Where(key => key.Kind == ObjectKind.Table && !chunks.Contains(key.Name) && !ChangesDdl.Is(key) && !WordsDdl.Is(key))
            .Select(key => $"{key.Schema}.{key.Name}");
        var (store, where) = columns.Count > 0 ? (Store.Column, $"columns of {string.Join(", ", columns)}")
            : (Store.Table, string.Join(", ", tables));
        return where == "" || store == corpus.Corpus.Store ? null : new(
            "store",
            $"the vectors of '{name}' are kept in {where}: declare \"store\": \"{store.ToString().ToLowerInvariant()}\" to keep them "
                + $"there. To begin again without them, say 'embeddings migrate {name} --down' first");
    }

    private async Task<DeclarationFault> Fault(ResolvedCorpus corpus, SchemaObject wanted, CancellationToken cancellation)
    {
        var takeOver = $"'embeddings migrate {corpus.Corpus.Name} --take-over' uses it, and keeps it when the corpus is removed";
        if (wanted.Kind != ObjectKind.Column)
        {
            return new(
                Path(corpus, wanted), $"{wanted.Key} is there, and no migration made it: rename it, or declare another name; {takeOver}");
        }

        var table = corpus.Tables.First(table => table.Schema == wanted.Schema && table.Name == wanted.Table);
        var count = await ExistingVectors.Count(database, table.Table, wanted.Name, cancellation);
        if (wanted.Name == table.VectorColumn)
        {
            var adopt = $"'embeddings adopt {corpus.Corpus.Name} --from {ColumnName.Of(table.Schema, table.Name, wanted.Name)} "
                + $"--model {corpus.Model}'";
            return new(Path(corpus, wanted), $"{count} vectors are there in {wanted.Table}.{wanted.Name}, made by another program: declare "
                + $"another column, \"vector\": \"…\", or \"store\": \"table\", migrate, and {adopt} takes them over, if they are of "
                + $"that model; {takeOver}, and runs overwrite those that were not adopted by then");
        }

        var property = table.Own.Of(table.Queue).FirstOrDefault(column => column.Column == wanted.Name).Property;
        return new(Path(corpus, wanted), $"the column {wanted.Table}.{wanted.Name} is not ours, and has {count} values: "
            + (property is null ? "rename it" : $"declare another name for ours, \"columns\": {{ \"{property}\": \"…\" }}")
                + $"; {takeOver}, and overwrites them");
    }

    private static string Path(ResolvedCorpus corpus, SchemaObject wanted) => wanted.Table == "" ? ""
        : corpus.Tables.Select((table, i) => (table, i)).Where(found => found.table.Name == wanted.Table)
            .Select(found => TableRules.PathOf(found.i)).FirstOrDefault()
            ?? "";
}
