using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The steps that make what is missing or is not as it was made, and drop what is no longer declared; each records what it did.
/// </summary>
internal static class ObjectSteps
{
    /// <summary>Tables that corpora share, then the columns, then all other objects in the order in which they are declared.</summary>
    public static IEnumerable<MigrationStep> Make(ResolvedCorpus corpus, IReadOnlyList<ObjectState> states)
    {
        static bool IsSharedTable(ObjectState state) => state.Wanted is { Kind: ObjectKind.Table, IsShared: true };
        var wrong = states.Where(state => !state.IsRight).ToList();
        return [
            .. wrong.Where(IsSharedTable).SelectMany(state => Make(corpus, state)),
            .. MakeColumns(corpus, wrong.Where(state => state.Wanted.Kind == ObjectKind.Column)),
            .. wrong.Where(state => state.Wanted.Kind != ObjectKind.Column && !IsSharedTable(state)).SelectMany(
                state => state.Wanted.Kind == ObjectKind.Constraint ? MakeCheck(corpus, state, states) : Make(corpus, state)),
        ];
    }

    /// <param name="corpus">The corpus.</param>
    /// <param name="keys">Objects that are no longer declared.</param>
    /// <param name="isAllowed">Whether those that searches may use are dropped too.</param>
    public static IEnumerable<MigrationStep> Drop(ResolvedCorpus corpus, IReadOnlyList<ObjectKey> keys, bool isAllowed) =>
        keys.OrderByDescending(key => key.Kind).Select(key => IsSearched(key, keys) && !isAllowed
            ? MigrationStep.Transaction() with
            {
                Title = $"{key} is declared no more, and stays because searches may use it: 'migrate {corpus.Corpus.Name} --yes' drops it",
            }
            : MigrationStep.Transaction(key.Removal, Inventory.Forget(key)) with { Title = $"dropping {key}, which is declared no more" });

    private static bool IsSearched(ObjectKey key, IReadOnlyList<ObjectKey> keys) =>
        key.Kind is ObjectKind.Table or ObjectKind.PolicyFunction or ObjectKind.View or ObjectKind.Column
        || (key.Kind == ObjectKind.Index
            && keys.Any(column => column.Kind == ObjectKind.Column && column.Table == key.Table && column.Schema == key.Schema)
            && (key.Name.StartsWith("embedding_hnsw", StringComparison.Ordinal)
                || key.Name.StartsWith("embedding_search", StringComparison.Ordinal)));

    private static IEnumerable<MigrationStep> Make(ResolvedCorpus corpus, ObjectState state)
    {
        var (wanted, records) = (state.Wanted, Records(corpus, state));
        if (wanted.Kind == ObjectKind.Index && (state.Live is null || state.Record is not null))
        {
            var isPartitioned = corpus.Tables.Any(table => table.Name == wanted.Table && table.Found.IsPartitioned);
            // Recorded before, so that an index whose building was interrupted is known as ours.
            return [MigrationStep.Transaction(records), IndexBuild(wanted, isPartitioned), MigrationStep.Transaction(records)];
        }

        return [MigrationStep.Transaction([.. Statements(state), .. records]) with { Explain = Dependents }];
    }

    private static IEnumerable<MigrationStep> MakeCheck(ResolvedCorpus corpus, ObjectState state, IReadOnlyList<ObjectState> states)
    {
        var table = corpus.Tables.First(table => (table.Schema, table.Name) == (state.Wanted.Schema, state.Wanted.Table));
        var column = new ObjectKey(ObjectKind.Column, table.Schema, table.Name, table.Own.State);
        return StateCheckDdl.Steps(
            table, Records(corpus, state).ToList(), wasThere: states.Any(other => other.Wanted.Key == column && other.Live is not null));
    }

    // Postgres builds the indexes of a partitioned table's parts only all at once. An interrupted build leaves an index that is of no use.
    private static MigrationStep IndexBuild(SchemaObject wanted, bool isPartitioned)
    {
        var concurrently = isPartitioned ? "" : "CONCURRENTLY ";
        return MigrationStep.Alone(
            $"DROP INDEX {concurrently}IF EXISTS {Sql.Identifier(wanted.Schema)}.{Sql.Identifier(wanted.Name)}",
            $"CREATE {(wanted.IsUnique ? "UNIQUE " : "")}INDEX {concurrently}{wanted.Statement}") with
        {
            Title = $"building the index {wanted.Name}",
            VectorIndex = wanted.GraphBytes is null ? null : wanted,
            Explain = e => e.SqlState is PostgresErrorCodes.QueryCanceled or "25P04"
                ? $"The index {wanted.Name} could not be built: {e.MessageText}. Lift statement_timeout and transaction_timeout for this "
                    + "user, then migrate again."
                : null,
        };
    }

    // All of a table together: each is a moment in which the application waits.
    private static IEnumerable<MigrationStep> MakeColumns(ResolvedCorpus corpus, IEnumerable<ObjectState> states) =>
        states.GroupBy(state => (state.Wanted.Schema, state.Wanted.Table, state.Wanted.IsShared)).Select(table =>
        {
            var changed = table.Where(
                state => state.Live is null || (state.Record is { IsMade: true } record && IsChanged(state, record))).ToList();
            var actions = changed.Where(state => state.Live is not null)
                .Select(state => $"DROP COLUMN {Sql.Identifier(state.Wanted.Name)}")
                .Concat(changed.Select(state => state.Wanted.Statement)).ToList();
            var name = $"{Sql.Identifier(table.Key.Schema)}.{Sql.Identifier(table.Key.Table)}";
            return MigrationStep.Transaction([
                .. actions.Count > 0 ? [$"ALTER TABLE {name} {string.Join(", ", actions)}"] : Array.Empty<string>(),
                .. table.SelectMany(state => Records(corpus, state))]) with
            { Explain = Dependents };
        });

    // Only columns that Postgres makes of others are made again; a vector's column of another width was refused.
    private static bool IsChanged(ObjectState state, ObjectRecord record) =>
        state.Wanted.Statement.Contains(" GENERATED ", StringComparison.Ordinal)
            && (record.Fingerprint != state.Wanted.Fingerprint || record.Definition != state.Live);

    private static IEnumerable<string> Statements(ObjectState state) => state.Wanted switch
    {
        { Kind: ObjectKind.Table } wanted when state.Live is null =>
            [
                wanted.Statement, wanted.Finish,
                DefaultPrivileges.RevokeFrom($"{Sql.Identifier(wanted.Schema)}.{Sql.Identifier(wanted.Name)}"),
            ],
        { Kind: ObjectKind.Table } wanted when state.Record is { IsMade: true } => [wanted.Finish],
        { Kind: ObjectKind.View or ObjectKind.Function or ObjectKind.PolicyFunction or ObjectKind.Trigger } wanted =>
            [wanted.Statement],
        _ => [],
    };

    private static IEnumerable<string> Records(ResolvedCorpus corpus, ObjectState state) =>
        Inventory.Record(state.Wanted, corpus.Corpus.Name, isMade: state.Live is null || state.Record is { IsMade: true });

    private static string? Dependents(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.DependentObjectsStillExist or PostgresErrorCodes.WrongObjectType
            ? $"{Sql.Reason(e)}: drop that first, or declare another name, then migrate again."
            : null;
}
