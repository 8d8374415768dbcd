using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Dapper;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Testing;
using Microsoft.EntityFrameworkCore;
using Pgvector;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>The SQL of docs/search.md, from ADO.NET, Dapper and EF Core, on the corpus that the page declares.</summary>
public sealed partial class SearchPageSqlTests : IAsyncLifetime
{
    private const string Text = "late payments";

    private static readonly string _page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "search.md"));

    private TestDatabase _database = null!;
    private DeclaredCorpus _articles = null!;
    private float[] _vector = [];

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE articles (id bigint PRIMARY KEY, title text, body text, state text, price numeric);
            INSERT INTO articles
            SELECT n, CASE n WHEN 7 THEN 'Late payments' ELSE 'Weather of day ' || n END, 'body ' || n, 'open', n
            FROM   generate_series(1, 60) n
            """);
        _articles = new DeclaredCorpus(_database.Source, JsonPattern().Match(_page).Groups[1].Value);
        await _articles.MigrateAndRun();
        _vector = [.. (await _articles.Get<ISearch>().EmbedAsync("articles", Text)).Vector];
    }

    public async Task DisposeAsync()
    {
        await _articles.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task The_statements_of_the_page_run_and_can_be_joined_on()
    {
        var statements = SqlPattern().Matches(_page).SelectMany(block => block.Groups[1].Value.Split(';'))
            .Where(statement => statement.Trim().Length > 0).ToList();

        Assert.Equal(2, statements.Count);
        await using (var command = _database.Source.CreateCommand(statements[0]))
        {
            command.Parameters.Add(new() { Value = _vector });
            await using var reader = await command.ExecuteReaderAsync();
            Assert.True(await reader.ReadAsync());
            Assert.Equal(7L, reader["id"]);
            Assert.Equal(7m, reader["price"]);
        }

        Assert.Equal(5, (await _database.Rows(statements[1])).Count);
        // A vector column's type is as good as an array.
        Assert.Equal(7L, await _database.Ask<long>(
            "SELECT id::bigint FROM embedding.hybrid_search('articles', $1::real[]::vector, NULL) LIMIT 1", _vector));
    }

    [Fact]
    public async Task From_psql()
    {
        var statement = Line("From psql: `", "`");
        Assert.Equal("7", (await _database.Rows(statement))[0][1]);
    }

    [Fact]
    public async Task From_Dapper()
    {
        var statement = Line("QueryAsync<Hit>(\"", "\"");
        await using var connection = await _database.Source.OpenConnectionAsync();

        var hits = (await connection.QueryAsync<Hit>(statement, new { vector = _vector, text = Text })).ToList();

        AssertFound(hits);
    }

    [Fact]
    public async Task From_EF_Core_with_an_array_or_a_vector()
    {
        var statement = Line("SqlQuery<Hit>($\"", "\"")
            .Replace("{vector}", "{0}", StringComparison.Ordinal).Replace("{text}", "{1}", StringComparison.Ordinal);
        await using var context = new DbContext(new DbContextOptionsBuilder().UseNpgsql(
            _database.ConnectionString, options => options.UseVector()).Options);

        foreach (var vector in new object[] { _vector, new Vector(_vector) })
        {
            AssertFound(await context.Database.SqlQuery<Hit>(FormattableStringFactory.Create(statement, vector, Text)).ToListAsync());
        }
    }

    private static void AssertFound(IReadOnlyList<Hit> hits)
    {
        Assert.Equal(10, hits.Count);
        Assert.Equal(("article", "7", "Late payments", false), (hits[0].Kind, hits[0].Id, hits[0].Title, hits[0].Stale));
        Assert.True(hits[0].Similarity > 0.5 && hits[0].Score > hits[1].Score);
    }

    private static string Line(string from, string to)
    {
        var begin = _page.IndexOf(from, StringComparison.Ordinal) + from.Length;
        return _page[begin.._page.IndexOf(to, begin, StringComparison.Ordinal)].TrimEnd(';');
    }

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonPattern();

    [GeneratedRegex("```sql\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex SqlPattern();

    private sealed class Hit
    {
        public string Kind { get; set; } = "";

        public string Id { get; set; } = "";

        public string Title { get; set; } = "";

        public double? Similarity { get; set; }

        public double Score { get; set; }

        public bool Stale { get; set; }
    }
}
