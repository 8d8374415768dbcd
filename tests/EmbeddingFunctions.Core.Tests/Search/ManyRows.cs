using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>Rows enough for an index to be used. All vectors are near one axis, but the ten of one tenant are far from it.</summary>
public sealed class ManyRows : IAsyncLifetime
{
    private const int Rows = 8_000;

    private static readonly string[] _columns = ["tenant", "state"];

    private DeclaredCorpus _corpus = null!;

    internal TestDatabase Database { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Database = await TestDatabase.Empty();
        await Database.Execute(
            $"""
            CREATE TABLE notes (id int PRIMARY KEY, tenant int NOT NULL, state text NOT NULL, title text NOT NULL);
            INSERT INTO notes SELECT n, CASE WHEN n % 800 = 0 THEN 2 ELSE 1 END, 'open', 'note ' || n FROM generate_series(1, {Rows}) n;
            """);
        _corpus = new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            store = "table",
            dimensions = 384,
            index = new { m = 8, efConstruction = 32, build = "manual" },
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", search = new { columns = _columns } } },
        });
        await _corpus.Migrate();
        var resolved = await _corpus.Get<ResolvedCorpora>().Get("notes", default);
        await Database.Execute(
            """
            UPDATE embedding.vectors_notes_note v
            SET    embedding = (
                       SELECT array_agg(CASE WHEN d = 1 THEN CASE t.tenant WHEN 1 THEN 1.0 ELSE -1.0 END ELSE random() / 5 END)
                       FROM   generate_series(1, 384) d WHERE t.id > 0)::vector,
                   embedding_rule = $1, embedding_model = 'lexical-1', embedding_state = 'embedded', content_hash = md5(t.id::text),
                   embedding_generated_at = now()
            FROM   notes t WHERE t.id = v.id
            """,
            resolved.Tables[0].Rule.Id);
        await _corpus.Get<ISearchIndexes>().BuildNow(resolved, default);
        await Database.Execute("ANALYZE");
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await Database.DisposeAsync();
    }

    internal Task<SearchResponse> Search(SearchRequest request) => _corpus.Get<ISearch>().SearchAsync(request);
}
