namespace EmbeddingFunctions.Testing;

/// <summary>Puts repositories and items into a test's database, and asks of them.</summary>
public sealed class TestWorkspace(TestDatabase database)
{
    /// <param name="name">Its full name; any.</param>
    /// <param name="isActive">Whether it belongs to an active workspace.</param>
    public async Task<Guid> Repository(string name = "acme/one", bool isActive = true)
    {
        var repository = await database.Ask<Guid>("INSERT INTO repositories (full_name) VALUES ($1) RETURNING id", name);
        await database.Execute(
            """
            WITH w AS (INSERT INTO workspaces (name, is_active) VALUES ($1, $2) RETURNING id)
            INSERT INTO workspace_repositories SELECT w.id, $3 FROM w
            """, $"workspace of {name}", isActive, repository);
        return repository;
    }

    /// <returns>The new item's id, as text.</returns>
    public async Task<string> Item(
        Guid repository, string title, string? body = null, string table = "issues", DateTimeOffset? updatedAt = null)
    {
        var id = Guid.NewGuid();
        await database.Execute(
            $"INSERT INTO {table} (id, repository_id, title, body, updated_at) VALUES "
                + $"($1{(table == "discussions" ? "::text" : "::uuid")}, $2, $3, $4, $5)",
            table == "discussions" ? id.ToString() : id, repository, title, body,
            (updatedAt ?? DateTimeOffset.UtcNow.AddMinutes(-1)).UtcDateTime);
        return id.ToString();
    }

    /// <summary>Adds a number of items with titles of their own, newest last.</summary>
    public Task Items(Guid repository, int count, string table = "issues", string words = "item") => database.Execute(
        $"""
        INSERT INTO {table} (id, repository_id, title, body, updated_at)
        SELECT {(table == "discussions" ? "'D_' || gen_random_uuid()" : "gen_random_uuid()")}, $1, $2 || ' ' || n, 'body ' || n, now() -
            interval '1 day' + n * interval '1 second'
        FROM   generate_series(1, $3) n
        """, repository, words, count);

    public Task<long> Embedded(string table = "issues") => database.Ask<long>($"SELECT count(*) FROM {table} WHERE embedding IS NOT NULL");

    public Task<long> Pending() => database.Ask<long>("SELECT count(*) FROM items_needing_embeddings_priority");

    /// <summary>Whether every stored vector is the fake provider's for the row's text as it is now.</summary>
    /// <returns>The titles of rows whose vector is of another text.</returns>
    public async Task<IReadOnlyList<string>> Stale(
        string table = "issues", string label = "[ISSUE]", string model = "text-embedding-3-small", int dimensions = 384)
    {
        var rows = await database.Rows($"SELECT title, body, embedding::real[] FROM {table} WHERE embedding IS NOT NULL");
        return rows.Where(row => !SameVector(FakeVector.Of($"{label} {row[0]} {row[1]}".Trim(), model, dimensions), (float[])row[2]!))
            .Select(row => (string)row[0]!).ToList();
    }

    private static bool SameVector(float[] expected, float[] found) =>
        expected.Length == found.Length && expected.Zip(found).All(pair => Math.Abs(pair.First - pair.Second) < 1e-5f);
}
