using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>The sample tables of the workspace corpus, written in sets.</summary>
internal sealed class WorkspaceTables(NpgsqlDataSource database)
{
    private static SqlText UpsertRepositories(string[] names, string? workspace) =>
        $"""
        WITH wanted AS (
            INSERT INTO repositories (full_name) SELECT DISTINCT unnest({names}::text[]) ORDER BY 1
            ON CONFLICT (full_name) DO UPDATE SET full_name = EXCLUDED.full_name
            RETURNING id, full_name
        ),
        workspace AS (
            INSERT INTO workspaces (name) SELECT {workspace} WHERE {workspace} IS NOT NULL
            ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
            RETURNING id
        ),
        member AS (
            INSERT INTO workspace_repositories (workspace_id, repository_id)
            SELECT workspace.id, wanted.id FROM workspace, wanted
            ON CONFLICT DO NOTHING
        )
        SELECT full_name, id FROM wanted
        """;

    /// <returns>How many items were new or had changed.</returns>
    /// <exception cref="DatabaseNotReadyException">The sample tables are not there.</exception>
    public async Task<int> Write(IReadOnlyList<WorkspaceItem> batch, string? workspace, CancellationToken cancellation)
    {
        try
        {
            var repositories = await Repositories(batch, workspace, cancellation);
            var written = 0;
            foreach (var kind in batch.GroupBy(item => item.Kind))
            {
                // The last of several lines with one key counts, as if they had come one by one.
                var items = kind.GroupBy(item => (item.Repository, item.Key)).Select(group => group.Last()).ToList();
                written += await Write(kind.Key, items, repositories, cancellation);
            }

            return written;
        }
        catch (PostgresException e) when (
            e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.DatatypeMismatch)
        {
            throw new DatabaseNotReadyException(
                $"The sample tables are missing, or others have their names ({e.MessageText}): run 'embeddings migrate workspace "
                    + "--with-sample-tables' on a database without them.");
        }
    }

    private async Task<Dictionary<string, Guid>> Repositories(
        IReadOnlyList<WorkspaceItem> batch, string? workspace, CancellationToken cancellation)
    {
        var names = batch.Select(item => item.Repository).Distinct().ToArray();
        return (await database.QueryAsync(
            UpsertRepositories(names, workspace), row => KeyValuePair.Create(row.GetString(0), row.GetGuid(1)), cancellation))
            .ToDictionary();
    }

    private Task<int> Write(
        string kind, IReadOnlyList<WorkspaceItem> items, Dictionary<string, Guid> repositories, CancellationToken cancellation)
    {
        var table = kind switch
        {
            "issue" => Sql.Of($"issues"),
            "pull_request" => Sql.Of($"pull_requests"),
            _ => Sql.Of($"discussions"),
        };
        return database.ExecuteAsync(
            $"""
            INSERT INTO {table} AS t (id, repository_id, number, title, body, created_at, updated_at)
            SELECT id, repository_id, number, title, body, updated_at, updated_at
            FROM   unnest(
                       {items.Select(Id).ToArray()}::text[], {items.Select(item => repositories[item.Repository]).ToArray()}::uuid[],
                       {items.Select(item => item.Number).ToArray()}::int[], {items.Select(item => item.Title).ToArray()}::text[],
                       {items.Select(item => item.Body).ToArray()}::text[],
                       {items.Select(item => item.UpdatedAt).ToArray()}::timestamptz[])
                   AS i (id, repository_id, number, title, body, updated_at)
            ON CONFLICT (id) DO UPDATE
            SET    number = EXCLUDED.number, title = EXCLUDED.title, body = EXCLUDED.body, updated_at = EXCLUDED.updated_at
            WHERE  (t.number, t.title, t.body, t.updated_at) IS DISTINCT FROM (EXCLUDED.number, EXCLUDED.title, EXCLUDED.body,
                EXCLUDED.updated_at)
            """,
            cancellation);
    }

    // Made from what identifies the item, so that it is the same row at every import.
    private static string Id(WorkspaceItem item)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{item.Repository}\0{item.Kind}\0{item.Key}"));
        return item.Kind == "discussion"
            ? $"D_{Convert.ToBase64String(hash[..12]).Replace('+', '-').Replace('/', '_')}"
            : new Guid(hash[..16]).ToString();
    }
}
