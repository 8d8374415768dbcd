using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>A role that has what <c>infra/grants-search.sql</c> grants, and nothing else.</summary>
public sealed class SearchGrantsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;
    private NpgsqlDataSource _reader = null!;
    private string _role = "";

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _role = $"reader_{_database.Name}";
        _corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await _corpus.Migrate(withSampleTables: true);
        await _database.Execute(
            """
            WITH w AS (INSERT INTO workspaces (name) VALUES ('w') RETURNING id),
                 r AS (INSERT INTO repositories (full_name) VALUES ('r') RETURNING id),
                 m AS (INSERT INTO workspace_repositories SELECT w.id, r.id FROM w, r)
            INSERT INTO issues (repository_id, title) SELECT r.id, 'Issue ' || i FROM r, generate_series(1, 3) i
            """);
        await _corpus.Run();
        var grants = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "infra", "grants-search.sql"));
        await _database.Execute($"CREATE ROLE {_role} LOGIN; {grants.Replace(":\"role\"", _role, StringComparison.Ordinal)}");
        _reader = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _role, Pooling = false }.ConnectionString);
    }

    public async Task DisposeAsync()
    {
        await _reader.DisposeAsync();
        await _corpus.DisposeAsync();
        await _database.Execute($"DROP OWNED BY {_role}; DROP ROLE {_role}");
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task It_searches_by_the_functions_and_by_a_process_of_its_own()
    {
        await using var app = new DeclaredCorpus(_reader, Declarations.Workspace());
        var search = app.Get<ISearch>();

        var answer = await search.SearchAsync(new SearchRequest { Corpus = "workspace", Query = "issue 2" });
        var item = new ItemKey("issue", answer.Results[0].Id);

        Assert.Equal((3, "Issue 2", null), (answer.Results.Count, answer.Results[0].Title, answer.Degraded));
        Assert.Equal(2, (await search.SearchAsync(new SearchRequest { Corpus = "workspace", Item = item })).Results.Count);
        Assert.Equal(3, (await search.GetAsync(new ItemsRequest { Corpus = "workspace" }, default)).Count);
        Assert.Equal(3L, await Ask("SELECT count(*) FROM embedding.hybrid_search('workspace', NULL, 'issue')"));
        Assert.Equal(2L, await Ask($"SELECT count(*) FROM embedding.similar_items('workspace', 'issue', '{item.Id}')"));
    }

    [Theory]
    [InlineData("UPDATE issues SET title = 'x'")]
    [InlineData("DELETE FROM issues")]
    [InlineData("UPDATE embedding.words_workspace_issue SET names = 'x'")]
    [InlineData("DELETE FROM embedding.cache")]
    [InlineData("SELECT count(*) FROM embedding.jobs")]
    [InlineData("UPDATE embedding.rules SET model = 'x'")]
    [InlineData("CREATE TABLE embedding.mine (id int)")]
    public async Task It_may_do_nothing_else(string sql) =>
        Assert.Equal(
            PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => Ask(sql))).SqlState);

    private async Task<object?> Ask(string sql)
    {
        await using var command = _reader.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
