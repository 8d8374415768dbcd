using System.Text.Json.Nodes;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Data;

/// <param name="name">Of the corpus here.</param>
/// <param name="build">When its index is built.</param>
internal sealed class WorkspaceCorpus(string name, string build) : BenchCorpus
{
    private readonly Lazy<string> _file = new(() =>
    {
        using var shipped = typeof(CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!;
        var declarations = JsonNode.Parse(shipped)!;
        declarations["corpora"]![0]!["name"] = name;
        declarations["corpora"]![0]!["index"] = new JsonObject { ["build"] = build };
        var path = Path.Combine(AppContext.BaseDirectory, $"{name}.json");
        System.IO.File.WriteAllText(path, declarations.ToJsonString());
        return path;
    });

    public override string Name => name;

    public override string File => _file.Value;

    public override async Task Fill(TestDatabase database, int items, int partitions, int characters)
    {
        await database.Execute(Migrations.SampleTables("workspace"));
        var repositories = Enumerable.Range(0, partitions).Select(_ => Guid.NewGuid()).ToArray();
        await database.Execute(
            "INSERT INTO repositories (id, full_name) SELECT id, id::text FROM unnest($1::uuid[]) AS r (id)", [repositories]);
        await database.Execute(
            """
            WITH owner AS (INSERT INTO workspaces (name) VALUES ('bench') RETURNING id)
            INSERT INTO workspace_repositories SELECT owner.id, repository FROM owner, unnest($1::uuid[]) AS r (repository)
            """, [repositories]);

        // Six of ten items are issues, three are pull requests, one is a discussion.
        var (issues, pullRequests) = (items * 6 / 10, items * 3 / 10);
        Guid Repository(int n) => repositories[n % partitions];
        await Copy(database, "issues", Enumerable.Range(0, issues), _ => $"{Guid.NewGuid()}", Repository, characters);
        await Copy(database, "pull_requests", Enumerable.Range(issues, pullRequests), _ => $"{Guid.NewGuid()}", Repository, characters);
        await Copy(
            database, "discussions", Enumerable.Range(issues + pullRequests, items - issues - pullRequests), n => $"D_{n:x8}", Repository,
            characters);
    }
}
