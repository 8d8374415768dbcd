using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Runs;

/// <summary>The scope of a request, checked in the same way for a run and for its prediction.</summary>
internal sealed class RunScope(NpgsqlDataSource database)
{
    /// <exception cref="NotFoundException">A kind is not the corpus's.</exception>
    /// <exception cref="InvalidCorpusException">The partition or what the run is confined to is not the corpus's.</exception>
    public async Task Check(ResolvedCorpus corpus, RunRequest request, CancellationToken cancellation)
    {
        foreach (var kind in request.Kinds)
        {
            corpus.Corpus.TableOf(kind);
        }

        if (request.Selection is { } selection)
        {
            await Check(corpus.Corpus.Name, PagePlanner.InScope(corpus, request).ToList(), selection, cancellation);
        }

        if (await PartitionFault(corpus, request.Partition, cancellation) is { } fault)
        {
            throw new InvalidCorpusException(fault);
        }
    }

    /// <returns>Why the corpus cannot be confined to the partition, or null.</returns>
    public async Task<string?> PartitionFault(ResolvedCorpus corpus, string? partition, CancellationToken cancellation)
    {
        if (partition is null)
        {
            return null;
        }

        if (corpus.ActivePartitions is null)
        {
            return $"Corpus '{corpus.Corpus.Name}' has no partitions: leave '{partition}' out.";
        }

        var isActive = Sql.Of($"SELECT EXISTS (SELECT FROM ({corpus.ActivePartitions}) active WHERE key::text = {partition})");
        var listed = corpus.Corpus.Partitions!;
        return await database.ScalarAsync<bool>(isActive, cancellation) ? null
            : $"'{partition}' is no active partition of '{corpus.Corpus.Name}': name one of the values of "
                + $"{listed.Table}.{listed.Column}; only those listed there may embed.";
    }

    private async Task Check(string corpus, List<ResolvedTable> tables, Selection selection, CancellationToken cancellation)
    {
        foreach (var table in tables)
        {
            if (selection.Names.FirstOrDefault(name => !table.WhereNames.Contains(name)) is { } unknown)
            {
                throw new InvalidCorpusException(
                    $"'{corpus}' cannot choose items of the kind {table.Kind} by '{unknown}'{NearestName.Hint(unknown, table.WhereNames)}; "
                    + $"the declaration's 'where' has {(table.WhereNames.Any() ? string.Join(", ", table.WhereNames) : "nothing")}.");
            }

            if (selection.FromId is not null && table.IdTypeName is not ("bigint" or "integer"))
            {
                throw new InvalidCorpusException(
                    $"The id of a {table.Kind} in '{corpus}' is of type {table.IdType}: only numbers can be resumed from.");
            }
        }

        foreach (var name in selection.Names)
        {
            await EnsureRow(tables, name, selection.Where[name], cancellation);
        }
    }

    // A misspelt value would look like work that is done.
    private async Task EnsureRow(List<ResolvedTable> tables, string name, string value, CancellationToken cancellation)
    {
        var rows = tables.Select(table => Sql.Of($"EXISTS (SELECT FROM {table.Table} t WHERE {table.Where(name, value)})"));
        try
        {
            if (!await database.ScalarAsync<bool>($"SELECT {Sql.Join(" OR ", rows)}", cancellation))
            {
                throw new InvalidCorpusException($"No {string.Join(" or ", tables.Select(table => table.Kind))} has the {name} '{value}'.");
            }
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("22", StringComparison.Ordinal))
        {
            throw new InvalidCorpusException($"The {name} '{value}' cannot be: {e.MessageText}.");
        }
    }

    public static SqlValue Selection(RunRequest request) =>
        Sql.Value(request.Selection is { } selection ? JsonSerializer.Serialize(selection) : null, NpgsqlDbType.Jsonb);

    public static Selection? Selection(string? recorded) => recorded is null ? null : JsonSerializer.Deserialize<Selection>(recorded);

    public static string[] Kinds(RunRequest request) => request.Kinds.Order().ToArray();
}
