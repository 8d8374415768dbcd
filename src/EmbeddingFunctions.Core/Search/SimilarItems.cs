using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Search;

/// <summary>Finds the items whose vectors are nearest to an item's own, across all kinds of its corpus.</summary>
public sealed class SimilarItems
{
    // Left alone, pgvector ends a search after forty rows, however many are wanted and whatever the conditions leave of them.
    private const string SearchOn =
        """
        SELECT set_config('hnsw.ef_search', LEAST(GREATEST($1, 40), 1000)::text, true),
               set_config('hnsw.iterative_scan', 'strict_order', true)
        """;

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _corpora;

    internal SimilarItems(NpgsqlDataSource database, BoundCorpora corpora) => (_database, _corpora) = (database, corpora);

    /// <param name="corpus">The corpus's name.</param>
    /// <param name="title">The beginning of the item's text: its first text column.</param>
    /// <param name="limit">How many to find.</param>
    /// <returns>The item itself first, then the nearest, by cosine similarity; empty if there is no such item with a vector.</returns>
    public async Task<IReadOnlyList<SimilarItem>> ToTitle(string corpus, string title, int limit, CancellationToken cancellation)
    {
        var bound = await _corpora.Get(corpus, cancellation);
        return await Find(bound, title, cancellation) is { } item ? await Nearest(bound, item, limit, cancellation) : [];
    }

    private async Task<FoundItem?> Find(BoundCorpus bound, string title, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(FindQuery(bound));
        command.Parameters.Add(new() { Value = title });
        try
        {
            return await Read(command, cancellation);
        }
        catch (InvalidCastException)
        {
            // The extension was created after this process had looked at the types of the database.
            await _database.ReloadTypesAsync(cancellation);
            return await Read(command, cancellation);
        }
    }

    private static async Task<FoundItem?> Read(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new FoundItem(reader.GetString(0), reader.GetString(1), reader.GetValue(2))
            : null;
    }

    private async Task<IReadOnlyList<SimilarItem>> Nearest(BoundCorpus bound, FoundItem item, int limit, CancellationToken cancellation)
    {
        await using var search = _database.CreateBatch();
        search.BatchCommands.Add(new NpgsqlBatchCommand(SearchOn) { Parameters = { new() { Value = limit + 1 } } });
        search.BatchCommands.Add(new NpgsqlBatchCommand(NearestQuery(bound))
        {
            Parameters =
            {
                new() { Value = item.Vector }, new() { Value = limit + 1 }, new() { Value = item.Kind }, new() { Value = item.Id },
            },
        });
        await using var reader = await search.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var items = new List<SimilarItem>();
        while (await reader.ReadAsync(cancellation))
        {
            items.Add(new SimilarItem(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetDouble(3)));
        }

        return items;
    }

    private static string FindQuery(BoundCorpus bound) =>
        $"""
        SELECT kind, id, embedding
        FROM   ({string.Join(" UNION ALL ", bound.Tables.Select(table =>
            $"""
            (SELECT {Sql.Literal(table.Kind)} AS kind, {table.Id}::text AS id, {table.Vector} AS embedding
             FROM   {table.Table} t
             WHERE  {table.TextColumns.First()} = $1 AND {Current(table)} LIMIT 1)
            """))}) found
        LIMIT  1
        """;

    // A branch for each table, with its own order and limit, so that each can use its own index.
    internal static string NearestQuery(BoundCorpus bound) =>
        $"""
        SELECT kind, id, title, similarity
        FROM   ({string.Join(" UNION ALL ", bound.Tables.Select(table =>
            $"""
            (SELECT {Sql.Literal(table.Kind)} AS kind, {table.Id}::text AS id, COALESCE({table.TextColumns.First()}, '') AS title,
                    1 - ({table.Vector} {table.Distance} $1) AS similarity
             FROM   {table.Table} t
             WHERE  {Current(table)}
             ORDER  BY {table.Vector} {table.Distance} $1 LIMIT $2)
            """))}) near
        ORDER  BY (kind, id) = ($3, $4) DESC, similarity DESC
        LIMIT  $2
        """;

    // A vector made under another rule, or of a text that was edited since, can be compared with nothing.
    private static string Current(BoundTable table) =>
        $"{table.Vector} IS NOT NULL AND {table.RuleMark} = {Sql.Literal(table.Rule.Id)}"
        + $" AND {table.Hash} IS NOT NULL{table.Filter}";

    /// <param name="Vector">As the column has it: a <see cref="Pgvector.Vector"/> or a <see cref="Pgvector.HalfVector"/>.</param>
    private sealed record FoundItem(string Kind, string Id, object Vector);
}

/// <param name="Similarity">1 minus the cosine distance: 1 is the same direction.</param>
public sealed record SimilarItem(string Kind, string Id, string Title, double Similarity);
