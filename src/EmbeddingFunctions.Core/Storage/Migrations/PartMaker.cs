using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Makes what is missing or is not as it was made, drops what is declared no more, and records both.</summary>
internal sealed class PartMaker(NpgsqlDataSource database, Ddl ddl)
{
    // What default privileges of the database grant on new tables is not meant for copies of texts.
    private const string Withhold =
        """
        DO $withhold$
        DECLARE
            grantee text;
        BEGIN
            FOR grantee IN
                SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                FROM   pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
                WHERE  c.oid = '{0}'::pg_catalog.regclass AND a.grantee <> c.relowner
            LOOP
                EXECUTE 'REVOKE ALL ON TABLE {0} FROM ' || grantee;
            END LOOP;
        END
        $withhold$
        """;

    private readonly IndexBuilder _indexes = new(database);

    public static string WithholdFrom(SqlText table) =>
        Withhold.Replace("{0}", table.ToString().Replace("'", "''", StringComparison.Ordinal), StringComparison.Ordinal);

    public async Task Make(BoundCorpus corpus, IReadOnlyList<PartState> states, Action<string>? progress, CancellationToken cancellation)
    {
        await MakeOthers(corpus, states.Where(state => state.Part is { Kind: PartKind.Table, IsShared: true }), progress, cancellation);
        await MakeColumns(corpus, states.Where(state => state.Part.Kind == PartKind.Column).ToList(), progress, cancellation);
        await MakeOthers(
            corpus, states.Where(state => state.Part is not ({ Kind: PartKind.Column } or { Kind: PartKind.Table, IsShared: true })),
            progress, cancellation);
    }

    private async Task MakeOthers(
        BoundCorpus corpus, IEnumerable<PartState> states, Action<string>? progress, CancellationToken cancellation)
    {
        foreach (var state in states.Where(state => !state.IsRight))
        {
            var part = state.Part;
            if (part.Kind == PartKind.Index && (state.Live is null || state.Record is not null))
            {
                await ddl.Run(connection => Record(connection, corpus, state, cancellation), progress, cancellation);
                await _indexes.Build(
                    part, corpus.Tables.Any(table => table.Name == part.Table && table.Found.IsPartitioned), progress, cancellation);
            }

            await ddl.Run(async connection =>
            {
                await Make(connection, state, cancellation);
                return await Record(connection, corpus, state, cancellation);
            }, progress, cancellation);
        }
    }

    /// <param name="keys">What is declared no more.</param>
    /// <param name="isAllowed">Whether what searches may use is dropped too.</param>
    public async Task Drop(
        BoundCorpus corpus, IReadOnlyList<PartKey> keys, bool isAllowed, Action<string>? progress, CancellationToken cancellation)
    {
        bool IsSearched(PartKey key) => key.Kind is PartKind.Table or PartKind.View or PartKind.Column
            || (
                key.Kind == PartKind.Index
                    && keys.Any(column => column.Kind == PartKind.Column && column.Table == key.Table && column.Schema == key.Schema)
                && (
                    key.Name.StartsWith("embedding_hnsw", StringComparison.Ordinal)
                        || key.Name.StartsWith("embedding_search", StringComparison.Ordinal)));
        foreach (var key in keys.OrderByDescending(key => key.Kind))
        {
            if (IsSearched(key) && !isAllowed)
            {
                progress?.Invoke(
                    $"{key} is declared no more, and stays because searches may use it: 'migrate {corpus.Corpus.Name} --yes' drops it");
                continue;
            }

            await ddl.Run($"{key.Removal}; {Inventory.Forget(corpus.Schemas, key)}", progress, cancellation);
        }
    }

    // All of a table together: each is a moment in which the application waits.
    private async Task MakeColumns(
        BoundCorpus corpus, IReadOnlyList<PartState> states, Action<string>? progress, CancellationToken cancellation)
    {
        foreach (
            var table in states.Where(state => !state.IsRight).GroupBy(state => (state.Part.Schema, state.Part.Table, state.Part.IsShared)))
        {
            await ddl.Run(async connection =>
            {
                var changed = table.Where(
                    state => state.Live is null || (state.Record is { IsMade: true } record && IsChanged(state, record))).ToList();
                var statements = changed.Where(state => state.Live is not null)
                    .Select(state => $"DROP COLUMN {Sql.Identifier(state.Part.Name)}")
                    .Concat(changed.Select(state => state.Part.Statement)).ToList();
                if (statements.Count > 0)
                {
                    await Run(
                        connection,
                        $"ALTER TABLE {Sql.Identifier(table.Key.Schema)}.{Sql.Identifier(table.Key.Table)} {string.Join(", ", statements)}",
                        cancellation);
                }

                foreach (var state in table)
                {
                    await Record(connection, corpus, state, cancellation);
                }

                return 0;
            }, progress, cancellation);
        }
    }

    // Only what Postgres makes of other columns is made again; a vector's column of another width was refused.
    private static bool IsChanged(PartState state, PartRecord record) =>
        state.Part.Statement.Contains(" GENERATED ", StringComparison.Ordinal)
            && (record.Fingerprint != state.Part.Fingerprint || record.Definition != state.Live);

    private static async Task Make(NpgsqlConnection connection, PartState state, CancellationToken cancellation)
    {
        var (part, name) = (state.Part, Sql.Of($"{Sql.Identifier(state.Part.Schema)}.{Sql.Identifier(state.Part.Name)}"));
        switch (part.Kind)
        {
            case PartKind.Table when state.Live is null:
                await Run(connection, $"{part.Statement}; {part.Finish}", cancellation);
                await Run(connection, WithholdFrom(name), cancellation);
                break;
            case PartKind.Table when part.Finish != "" && state.Record is { IsMade: true }:
                await Run(connection, part.Finish, cancellation);
                break;
            case PartKind.View:
                await MakeView(connection, part, name, cancellation);
                break;
            case PartKind.Function or PartKind.Trigger:
                await Run(connection, part.Statement, cancellation);
                break;
        }
    }

    // The new view takes the old one's place, where what others built on it and their rights stay; unless its columns differ.
    private static async Task MakeView(NpgsqlConnection connection, Part part, SqlText name, CancellationToken cancellation)
    {
        await Run(connection, "SAVEPOINT view", cancellation);
        try
        {
            await Run(connection, part.Statement, cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidTableDefinition)
        {
            await Run(connection, "ROLLBACK TO SAVEPOINT view", cancellation);
            await Run(connection, $"DROP VIEW {name}; {part.Statement}", cancellation);
        }
    }

    private static async Task<int> Record(NpgsqlConnection connection, BoundCorpus corpus, PartState state, CancellationToken cancellation)
    {
        var isMade = state.Live is null || state.Record is { IsMade: true };
        await Inventory.Record(connection, corpus.Schemas, state.Part, corpus.Corpus.Name, isMade, cancellation);
        return 0;
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        try
        {
            await connection.ExecuteAsync(Sql.Raw(sql), cancellation, Sql.NoTimeout);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DependentObjectsStillExist or PostgresErrorCodes.WrongObjectType)
        {
            throw new CorpusException($"{Sql.Reason(e)}: drop that first, or declare another name, then migrate again.");
        }
    }
}
