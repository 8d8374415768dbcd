using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>The steps from what is there to what a corpus needs, in their order.</summary>
internal sealed class MigrationSteps(NpgsqlDataSource database, Catalogue catalogue, Inventory inventory)
{
    // Rules are recorded before the indexes are built: runs need not wait for them.
    public async Task<IReadOnlyList<MigrationStep>> Of(
        ResolvedCorpus corpus, IReadOnlyList<ObjectState> states, MigrationOptions options, CancellationToken cancellation)
    {
        static bool IsOwnIndex(ObjectState state) => state.Wanted is { Kind: ObjectKind.Index, IsShared: false };
        var undeclared = await Undeclared(corpus, cancellation);
        var later = await DeferredIndexes.Of(database, corpus, states, cancellation);
        return [
            .. corpus.Tables.Any(table => table is { HasWordsTable: true, Search.Identifiers.Count: > 0, Schemas.Trigrams: not null })
                ? [WordsDdl.Trigrams(corpus.Schemas.Trigrams!)] : Array.Empty<MigrationStep>(),
            .. await CompanionDdl.Retype(corpus, database, catalogue, cancellation),
            .. corpus.Tables.Where(table => IsWithoutChunks(table, states)).Select(
                table => MigrationStep.Pages(table, ChunkTableDdl.Forget(table))),
            .. ObjectSteps.Make(corpus, states.Where(state => !IsOwnIndex(state)).ToList()),
            .. corpus.Tables.SelectMany(table => QueueSteps(corpus.Corpus.Name, table)),
            .. corpus.Tables.Where(table => IsToBeFilled(corpus.Corpus, table, states)).SelectMany(CompanionSteps),
            .. corpus.Tables.Where(table => IsToBeRead(corpus.Corpus, table, states)).SelectMany(WordsDdl.Fill),
            .. corpus.Tables.Where(table => HasNewColumns(corpus.Corpus, table, states)).Select(Analyze),
            Records(corpus),
            .. ObjectSteps.Make(corpus, states.Where(state => IsOwnIndex(state) && !later.ContainsKey(state.Wanted.Key)).ToList()),
            .. later.Select(index => MigrationStep.Transaction() with
            {
                Title = $"{index.Key} {index.Value}",
            }),
            .. ObjectSteps.Drop(corpus, undeclared, options.DropUndeclared),
        ];
    }

    /// <summary>Objects that a migration made and the declaration no longer asks for.</summary>
    public async Task<IReadOnlyList<ObjectKey>> Undeclared(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var wanted = CorpusDdl.Objects(corpus).Select(one => one.Key).ToHashSet();
        var recorded = await inventory.Of(corpus.Corpus.Name, cancellation);
        return recorded.Where(found => found.Record.IsMade && !wanted.Contains(found.Key)).Select(found => found.Key).ToList();
    }

    // Before the table of the chunks is made: stopped between the two, the next migration begins again.
    private static bool IsWithoutChunks(ResolvedTable table, IReadOnlyList<ObjectState> states) =>
        table.Chunks is { } chunks
        && states.Any(state => state.Wanted.Kind == ObjectKind.Table && state.Wanted.Name == chunks.Table && state.Live is null)
        && table.Own.Always.All(column => table.Found.Columns.ContainsKey(column.Column));

    // Rows were written while a trigger was not there or could not follow, or the declaration takes others than before.
    private static bool IsToBeFilled(Corpus corpus, ResolvedTable table, IReadOnlyList<ObjectState> states)
    {
        if (!table.IsBeside)
        {
            return false;
        }

        var beside = CorpusDdl.Beside(corpus, table).Select(wanted => wanted.Key).ToHashSet();
        return states.Any(state => !state.IsRight && beside.Contains(state.Wanted.Key));
    }

    private static bool HasNewColumns(Corpus corpus, ResolvedTable table, IReadOnlyList<ObjectState> states) =>
        IsToBeFilled(corpus, table, states)
        || states.Any(state => state.Wanted.Kind == ObjectKind.Column && state.Wanted.Table == table.Name && state.Live is null);

    // Of columns without statistics Postgres expects that all rows meet a condition, and reads whole tables beside a small index.
    private static MigrationStep Analyze(ResolvedTable table)
    {
        var columns = table.Own.Always.Select(column => Sql.Identifier(column.Column)).Prepend(table.VectorName);
        return MigrationStep.Alone($"ANALYZE {table.Target} ({string.Join(", ", columns)})");
    }

    private static bool IsToBeRead(Corpus corpus, ResolvedTable table, IReadOnlyList<ObjectState> states)
    {
        var wanted = WordsDdl.Objects(corpus, table).Where(one => one.Kind != ObjectKind.Index).Select(one => one.Key).ToHashSet();
        return states.Any(state => !state.IsRight && wanted.Contains(state.Wanted.Key));
    }

    private static IEnumerable<MigrationStep> CompanionSteps(ResolvedTable table) =>
    [
        table.HasTriggers
            ? MigrationStep.Pages(table, CompanionDdl.Fill(table)) : MigrationStep.Alone(SourceSweep.AddNew(table).ToString()),
        MigrationStep.Alone(CompanionTable.RemoveOrphans(table).ToString()),
    ];

    private static IEnumerable<MigrationStep> QueueSteps(string corpus, ResolvedTable table) => table.Queue == QueuedText.None
        ? [MigrationStep.Transaction($"{QueueDdl.Removal(corpus)} AND kind = {Sql.Literal(table.Kind)}")]
        :
        [
            .. table.Queue == QueuedText.Content
                ? [MigrationStep.Pages(table, QueueDdl.FillContent(table))]
                : Array.Empty<MigrationStep>(),
            MigrationStep.Transaction(QueueDdl.Declare(corpus, table)),
            MigrationStep.Pages(table, QueueDdl.Fill(table)),
        ];

    private static MigrationStep Records(ResolvedCorpus corpus)
    {
        var name = Sql.Literal(corpus.Corpus.Name);
        return MigrationStep.Transaction([
            .. corpus.Tables.Select(table =>
                $"""
                INSERT INTO embedding.rules (corpus, kind, rule, model)
                VALUES ({name}, {Sql.Literal(table.Kind)}, {Sql.Literal(table.Rule.Id)}, {Sql.Literal(table.Rule.Model)})
                ON CONFLICT (corpus, kind) DO UPDATE SET rule = EXCLUDED.rule, model = EXCLUDED.model, migrated_at = now()
                """),
            $"""
            INSERT INTO embedding.declarations (corpus, declaration, model)
            VALUES ({name}, {Sql.Literal(corpus.Declaration)}, {Sql.Literal(corpus.Model)})
            ON CONFLICT (corpus, declaration) DO UPDATE SET model = EXCLUDED.model, migrated_at = now()
            """,
            Generations.Record(corpus).ToString()]);
    }
}
