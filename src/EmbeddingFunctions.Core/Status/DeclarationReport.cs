using System.Text.Json.Serialization;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>What corpora are declared to be, and what the database has made of it.</summary>
internal sealed class DeclarationReport(
    CorpusSet corpora, ResolvedCorpora resolved, OverviewReport overview, ISearchIndexes indexes, NpgsqlDataSource database,
    EmbeddingSettings settings, Pauses pauses)
{
    // The engine notes when a migration or a run has made an index.
    private static SqlText Measure(string index, string table) =>
        $"""
        SELECT pg_catalog.pg_relation_size(c.oid),
               (SELECT max(recorded_at) FROM embedding.objects WHERE object_name = {index} AND table_name = {table})
        FROM   pg_catalog.pg_class c
        JOIN   pg_catalog.pg_index i ON i.indexrelid = c.oid
        JOIN   pg_catalog.pg_class t ON t.oid = i.indrelid
        WHERE  c.relname = {index} AND t.relname = {table}
        """;

    /// <returns>All declared corpora, each by its live generation.</returns>
    public async Task<IReadOnlyList<DeclaredCorpus>> All(CancellationToken cancellation)
    {
        var counts = await overview.Counts(cancellation);
        var (migrated, found) = (await Migrated(cancellation), new List<DeclaredCorpus>());
        foreach (var corpus in corpora.Declared.Select(declared => corpora.Find(declared.Name) ?? declared))
        {
            var known = migrated.Contains(corpus.Name) ? await resolved.Get(corpus.Name, cancellation) : null;
            found.Add(new DeclaredCorpus(
                corpus.DeclaredName, settings.ModelFor(corpus), corpus.Dimensions, corpus.Store, corpus.Schedule, corpus.Trigger,
                known is not null,
                corpus.Tables.Select(table => Declared(table, known)).ToList(),
                known is null ? [] : await Indexes(known, cancellation),
                known is null ? null : await pauses.Since(corpus.DeclaredName, cancellation),
                counts?.Corpora.FirstOrDefault(status => status.Corpus == corpus.Name)));
        }

        return found;
    }

    private async Task<IReadOnlyList<string>> Migrated(CancellationToken cancellation)
    {
        try
        {
            return await resolved.MigratedNames(cancellation);
        }
        catch (DatabaseNotReadyException)
        {
            // The declaration can be shown all the same.
            return [];
        }
    }

    private static DeclaredTable Declared(CorpusTable table, ResolvedCorpus? corpus) => new(
        table.Kind, table.Table, table.Text, table.Filter.Select(Condition).ToList(), table.LongText,
        corpus?.Tables.FirstOrDefault(resolved => resolved.Kind == table.Kind)?.Rule.Id);

    private static string Condition(ColumnFilter filter) => string.Join(" and ", new[]
    {
        filter.EqualTo is { } value ? $"{filter.Column} = {value}" : null,
        filter.In is { } values ? $"{filter.Column} in ({string.Join(", ", values)})" : null,
        filter.Not is { } other ? $"{filter.Column} is not {other}" : null,
        filter.LessThan is { } above ? $"{filter.Column} < {above}" : null,
        filter.GreaterThan is { } below ? $"{filter.Column} > {below}" : null,
        filter.IsNull is { } isNull ? $"{filter.Column} is {(isNull ? "" : "not ")}null" : null,
    }.OfType<string>());

    private async Task<IReadOnlyList<MeasuredIndex>> Indexes(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var found = new List<MeasuredIndex>();
        foreach (var index in corpus.Corpus.Index.Build == IndexBuild.Manual ? [] : await indexes.States(corpus, cancellation))
        {
            var (bytes, builtAt) = (await database.QueryAsync(
                Measure(index.Name, index.Table), row => ((long?)row.GetInt64(0), row.GetFieldValue<DateTimeOffset?>(1)), cancellation))
                .FirstOrDefault();
            found.Add(new MeasuredIndex(index.Name, Kind(corpus, index.Table), index.State, index.Progress, bytes, builtAt));
        }

        return found;
    }

    private static string? Kind(ResolvedCorpus corpus, string table) => corpus.Tables.FirstOrDefault(
        resolved => $"{resolved.ChunkTable ?? resolved.Target}".Replace("\"", "", StringComparison.Ordinal).Split('.')[^1] == table)?.Kind;
}

/// <summary>A corpus as it is declared.</summary>
/// <param name="OnEdit">Whether an edit starts a run at once.</param>
/// <param name="PausedAt">Since when a person has paused its runs; null: they go on.</param>
/// <param name="Status">As counted last; null: not yet, or the database was not migrated for it.</param>
internal sealed record DeclaredCorpus(
    string Corpus, string Model, int Dimensions, [property: JsonConverter(typeof(CamelCaseEnum))] Store Store, string Schedule,
    bool OnEdit, bool IsMigrated,
    IReadOnlyList<DeclaredTable> Tables, IReadOnlyList<MeasuredIndex> Indexes, DateTimeOffset? PausedAt,
    CorpusStatus? Status);

/// <param name="Text">The template of what is embedded.</param>
/// <param name="Filter">Conditions, all of which a row meets.</param>
/// <param name="Rule">What decides a vector beside the text, as a hash.</param>
internal sealed record DeclaredTable(
    string Kind, string Table, string Text, IReadOnlyList<string> Filter,
    [property: JsonConverter(typeof(CamelCaseEnum))] LongText LongText, string? Rule);

/// <param name="Progress">While it is built: the share that is done, 0 to 1.</param>
/// <param name="Bytes">Its size; null: it is not built.</param>
/// <param name="BuiltAt">When the program noted it last.</param>
internal sealed record MeasuredIndex(
    string Name, string? Kind, [property: JsonConverter(typeof(CamelCaseEnum))] SearchIndexState State, double? Progress, long? Bytes,
    DateTimeOffset? BuiltAt);
