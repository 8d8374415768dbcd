using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Search;

/// <summary>Finds the items whose vectors are nearest to an item's own, across all kinds of its corpus.</summary>
internal sealed class SimilarItems
{
    // Left alone, pgvector ends a search after forty rows, however many are wanted and whatever the conditions leave of them.
    private static SqlText SearchOn(int limit) =>
        $"""
        SELECT set_config('hnsw.ef_search', LEAST(GREATEST({limit}, 40), 1000)::text, true),
               set_config('hnsw.iterative_scan', 'strict_order', true)
        """;

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;

    public SimilarItems(NpgsqlDataSource database, ResolvedCorpora corpora) => (_database, _corpora) = (database, corpora);

    /// <param name="corpus">The corpus's name.</param>
    /// <param name="title">The beginning of the item's text: its first text column.</param>
    /// <param name="limit">How many to find.</param>
    /// <returns>The item itself first, then the nearest, by cosine similarity; empty if there is no such item with a vector.</returns>
    public async Task<IReadOnlyList<SimilarItem>> ToTitle(string corpus, string title, int limit, CancellationToken cancellation)
    {
        var resolved = await _corpora.Get(corpus, cancellation);
        return await Find(resolved, title, cancellation) is { } item ? await Nearest(resolved, item, limit, cancellation) : [];
    }

    private async Task<FoundItem?> Find(ResolvedCorpus resolved, string title, CancellationToken cancellation)
    {
        try
        {
            return await Read(FindQuery(resolved, title), cancellation);
        }
        catch (InvalidCastException)
        {
            // The extension was created after this process had looked at the types of the database.
            await _database.ReloadTypesAsync(cancellation);
            return await Read(FindQuery(resolved, title), cancellation);
        }
    }

    private async Task<FoundItem?> Read(SqlText statement, CancellationToken cancellation) =>
        (await _database.QueryAsync(
            statement, row => new FoundItem(row.GetString(0), row.GetString(1), row.GetValue(2)), cancellation)).SingleOrDefault();

    private async Task<IReadOnlyList<SimilarItem>> Nearest(
        ResolvedCorpus resolved, FoundItem item, int limit, CancellationToken cancellation)
    {
        var items = new List<SimilarItem>();
        await _database.ReadAsync(
            [SearchOn(limit + 1), NearestQuery(resolved, item, limit + 1)], cancellation, _ => { },
            row => items.Add(new SimilarItem(row.GetString(0), row.GetString(1), row.GetString(2), row.GetDouble(3))));
        return items;
    }

    private static SqlText FindQuery(ResolvedCorpus resolved, string title)
    {
        var items = resolved.Tables.Select(table => Sql.Of(
            $"""
            (SELECT {Sql.Literal(table.Kind)} AS kind, {table.Id}::text AS id, {table.Vector} AS embedding
             FROM   {table.Items} t
             WHERE  {table.TextColumns[0]} = {title} AND {Current(table)} LIMIT 1)
            """));
        return Sql.Of($"SELECT kind, id, embedding FROM ({Sql.Join(" UNION ALL ", items)}) found LIMIT 1");
    }

    // A branch for each table, with its own order and limit, so that each can use its own index.
    internal static SqlText NearestQuery(ResolvedCorpus resolved, FoundItem item, int limit)
    {
        var (vector, most) = (Sql.Value(item.Vector), Sql.Value(limit));
        var nearest = resolved.Tables.Select(table => Sql.Of(
            $"""
            (SELECT {Sql.Literal(table.Kind)} AS kind, {table.Id}::text AS id, COALESCE({table.TextColumns[0]}, '') AS title,
                    1 - ({table.Vector} {table.Distance} {vector}) AS similarity
             FROM   {table.Items} t
             WHERE  {Current(table)}
             ORDER  BY {table.Vector} {table.Distance} {vector} LIMIT {most})
            """));
        return
            $"""
            SELECT kind, id, title, similarity
            FROM   ({Sql.Join(" UNION ALL ", nearest)}) near
            ORDER  BY (kind, id) = ({item.Kind}, {item.Id}) DESC, similarity DESC
            LIMIT  {most}
            """;
    }

    // A vector made under another rule, or of a text that was edited since, can be compared with nothing.
    private static SqlText Current(ResolvedTable table) =>
        $"""
        {table.Vector} IS NOT NULL AND {table.RuleId} = {Sql.Literal(table.Rule.Id)} AND {table.Hash} IS NOT NULL
        AND {table.State} = {Sql.Literal(ItemState.Embedded)}{table.Filter}
        """;

    /// <param name="Vector">As the column has it: a <see cref="Pgvector.Vector"/> or a <see cref="Pgvector.HalfVector"/>.</param>
    internal sealed record FoundItem(string Kind, string Id, object Vector);
}

/// <param name="Similarity">1 minus the cosine distance: 1 is the same direction.</param>
internal sealed record SimilarItem(string Kind, string Id, string Title, double Similarity);
