using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A view of rows with their vectors, which is made on request.</summary>
public sealed class JoinedViewTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, NULL)");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    // Of the column that may be updated: its type, its rights, and the view's rights and owner.
    private async Task<string> Rights() => (await _database.Ask<string>(
        """
        SELECT concat_ws(' ', format_type(a.atttypid, -1), a.attacl, c.relacl, pg_get_userbyid(c.relowner))
        FROM   pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id'
        WHERE  c.oid = 'embedding.live_notes_note'::regclass
        """))!;

    [Fact]
    public async Task It_has_each_row_with_its_vector_keeps_its_rights_and_goes_with_the_corpus()
    {
        await using var corpus = Corpus();
        await corpus.MigrateAndRun();
        Assert.Equal((3L, 2L), (await Count("*"), await Count("embedding")));

        var role = $"reader_{_database.Name}";
        await _database.Execute(
            $"CREATE ROLE {role}; GRANT SELECT ON notes_with_embedding TO {role}; ALTER TABLE notes ADD COLUMN hits int");
        try
        {
            await using var again = Corpus();
            await again.Migrate();
            Assert.True(await _database.Ask<bool>($"SELECT has_table_privilege('{role}', 'notes_with_embedding', 'SELECT')"));
            Assert.Equal(0, await Count("hits"));
        }
        finally
        {
            await _database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
        }

        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);
        Assert.Null(await _database.Ask<string>("SELECT to_regclass('notes_with_embedding')::text"));
    }

    [Fact]
    public async Task A_live_view_that_is_made_again_for_a_key_of_another_type_keeps_its_rights_and_its_owner()
    {
        await using var corpus = Corpus(view: null);
        await corpus.MigrateAndRun();
        var (reader, owner) = ($"reader_{_database.Name}", $"owner_{_database.Name}");
        await _database.Execute(
            $"""
            CREATE ROLE {reader}; CREATE ROLE {owner};
            GRANT SELECT ON embedding.live_notes_note TO {reader} WITH GRANT OPTION;
            GRANT UPDATE (id) ON embedding.live_notes_note TO PUBLIC;
            ALTER VIEW embedding.live_notes_note OWNER TO {owner};
            """);
        try
        {
            var before = await Rights();
            await _database.Execute("ALTER TABLE notes ALTER COLUMN id TYPE bigint");
            await using var again = Corpus(view: null);
            await again.Migrate();

            Assert.Equal(before.Replace("integer", "bigint", StringComparison.Ordinal), await Rights());
        }
        finally
        {
            await _database.Execute($"DROP OWNED BY {reader}, {owner}; DROP ROLE {reader}, {owner}");
        }
    }

    [Fact]
    public async Task Without_the_declaration_there_is_none()
    {
        await using var corpus = Corpus(view: null);

        await corpus.Migrate();

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_views WHERE schemaname = 'public'"));
    }

    [Theory]
    [InlineData("CREATE VIEW notes_with_embedding AS SELECT 1 AS id", "notes_with_embedding is there, and no migration made it")]
    [InlineData("ALTER TABLE notes ADD COLUMN embedding text", "the view would have the column 'embedding' twice")]
    public async Task What_is_in_its_way_is_a_clear_error(string sql, string told)
    {
        await _database.Execute(sql);
        await using var corpus = Corpus();

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_hold_their_vectors_need_none()
    {
        var faults = CorpusFile.Examine(
            """
            { "corpora": [{ "name": "notes", "dimensions": 16, "store": "column",
              "tables": [{ "kind": "note", "table": "notes", "text": "{title}", "view": "notes_with_embedding" }] }] }
            """, "my.json").Faults;

        Assert.Contains("with \"store\": \"table\" only", Assert.Single(faults).Message, StringComparison.Ordinal);
    }

    private DeclaredCorpus Corpus(string? view = "notes_with_embedding") => new(
        _database.Source,
        new
        {
            name = "notes",
            dimensions = 16,
            startsPerMinute = 1_000,
            store = "table",
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", view } },
        });

    private Task<long> Count(string what) => _database.Ask<long>($"SELECT count({what}) FROM notes_with_embedding");
}
