using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>An app's database with articles, and the app's own plain data source.</summary>
internal sealed class Blog : IAsyncDisposable
{
    private readonly TestDatabase _database;

    private Blog(TestDatabase database) => (_database, Source) = (database, NpgsqlDataSource.Create(database.ConnectionString));

    public NpgsqlDataSource Source { get; }

    public string ConnectionString => _database.ConnectionString;

    public static async Task<Blog> Create(int articles)
    {
        var database = await TestDatabase.Empty();
        await database.Execute(
            $"""
            CREATE SCHEMA blog;
            CREATE TABLE blog.articles (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, headline text NOT NULL, body text NOT NULL);
            INSERT INTO blog.articles (headline, body) SELECT 'Headline ' || n, 'Body ' || n FROM generate_series(1, {articles}) n;
            """);
        return new Blog(database);
    }

    public Task Edit(int article, string headline) =>
        _database.Execute("UPDATE blog.articles SET headline = $2 WHERE id = $1", (long)article, headline);

    /// <returns>The ids of the articles whose vector is the one that this function gives for their present text.</returns>
    public async Task<IReadOnlyList<long>> Embedded(Func<string, float[]> vectorOf)
    {
        var rows = await _database.Rows(
            """
            SELECT a.id, headline || '. ' || body, v.embedding::real[]
            FROM   blog.articles a JOIN embedding.vectors_articles_articles v USING (id) ORDER BY a.id
            """);
        return rows.Where(row => row[2] is float[] vector && AreEqual(vector, vectorOf((string)row[1]!)))
            .Select(row => (long)row[0]!).ToList();
    }

    public async Task WaitUntilEmbedded(int count, Func<string, float[]> vectorOf)
    {
        for (var end = DateTime.UtcNow.AddSeconds(60); (await Embedded(vectorOf)).Count < count; await Task.Delay(100))
        {
            Assert.True(DateTime.UtcNow < end, $"After a minute only {(await Embedded(vectorOf)).Count} of {count} articles are embedded.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await _database.DisposeAsync();
    }

    private static bool AreEqual(float[] one, float[] other) =>
        one.Length == other.Length && one.Zip(other).All(pair => Math.Abs(pair.First - pair.Second) < 1e-5f);
}
