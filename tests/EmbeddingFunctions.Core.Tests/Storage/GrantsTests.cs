using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A role that has what <c>infra/grants.sql</c> grants, and nothing else.</summary>
public sealed class GrantsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private string _role = "";

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _role = $"app_{_database.Name}";
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await corpus.Migrate(withSampleTables: true);
        var grants = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "infra", "grants.sql"));
        await _database.Execute(
            $"CREATE ROLE {_role} LOGIN; {grants.Replace(":\"role\"", _role, StringComparison.Ordinal)}");
        await _database.Execute(
            """
            WITH w AS (INSERT INTO workspaces (name) VALUES ('w') RETURNING id),
                 r AS (INSERT INTO repositories (full_name) VALUES ('r') RETURNING id),
                 m AS (INSERT INTO workspace_repositories SELECT w.id, r.id FROM w, r)
            INSERT INTO issues (repository_id, title) SELECT r.id, 'Issue ' || i FROM r, generate_series(1, 3) i
            """);
    }

    public async Task DisposeAsync()
    {
        await _database.Execute($"DROP OWNED BY {_role}; DROP ROLE {_role}");
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task It_runs_answers_events_and_reports()
    {
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _role, Pooling = false }.ConnectionString);
        await using var app = new DeclaredCorpus(source, Declarations.Workspace());

        Assert.Equal(3, (await app.Run()).Counts.Embedded);
        var desk = app.Get<RunScheduler>();
        var request = new RunRequest("workspace", []);
        await desk.Ask(app.Get<BackgroundEngine>(), request, "event 1", default);
        await desk.Ask(app.Get<BackgroundEngine>(), request, "event 2", default);
        var status = await app.Get<StatusReport>().Of("workspace", default);
        Assert.Empty(status.Findings);
        Assert.Equal(3, status.Kinds.Sum(kind => kind.Embedded));
    }
}
