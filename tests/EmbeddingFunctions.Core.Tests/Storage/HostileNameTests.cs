using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A name is a name, whatever it looks like: it works quoted, or it is a clear error, and it is never run.</summary>
public sealed class HostileNameTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public static TheoryData<string> Names => new(
        "x\"; drop table y;--", "x'; drop table y;--", "order", "Größe 表 😀", "t.\"x", "a.b.c", "$note$; drop table y; $note$",
        "/* $1 @p :p %s -- \\",
        " x\ny ", "embedding_pending", new string('n', 63), new string('ü', 31));

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE y (precious int); INSERT INTO y VALUES (1)");
    }

    public async Task DisposeAsync()
    {
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM y"));
        await _database.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Any_name_that_postgres_takes_works_everywhere_a_name_stands(string name)
    {
        var quoted = Sql.Identifier(name);
        await _database.Execute(
            $"""
            CREATE SCHEMA {quoted};
            CREATE TABLE {quoted}.tenants ({quoted} text PRIMARY KEY, state text);
            CREATE TABLE {quoted}.{quoted} (id int PRIMARY KEY, {quoted} text, tenant text, state text, changed timestamptz);
            INSERT INTO {quoted}.tenants VALUES ({Sql.Literal(name)}, {Sql.Literal(name)});
            INSERT INTO {quoted}.{quoted} SELECT n, 'text ' || n, {Sql.Literal(name)}, {Sql.Literal(name)}, now() - interval '1 hour' FROM
                generate_series(1, 3) n;
            """);
        var state = new[] { new { column = "state", equalTo = name } };
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "hostile",
            dimensions = 16,
            similarityCache = true,
            partitions = new { table = $"{name}.tenants", column = name, filter = state },
            tables = new[]
            {
                new
                {
                    kind = "note",
                    table = $"{name}.{name}",
                    text = $"{name} {{{name}}}",
                    partition = "tenant",
                    changedAt = "changed",
                    filter = state
                }
            },
            pendingView = Declarations.View(name.Contains('.', StringComparison.Ordinal) ? "pending" : name, name, "changed"),
        });

        await corpus.Migrate();
        Assert.Equal(3, (await corpus.Run()).Counts.Embedded);
        await _database.Execute($"UPDATE {quoted}.{quoted} SET {quoted} = 'edited' WHERE id = 2");
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(3, (await corpus.Run(force: true)).Counts.Embedded);
        await corpus.Migrate();

        var kind = Assert.Single((await corpus.Get<StatusReport>().Of("hostile", default)).Kinds);
        Assert.Equal((3, 3, 0), (kind.Total, kind.Embedded, kind.Pending));
        Assert.Equal("edited", (await corpus.Get<SimilarItems>().ToTitle("hostile", "edited", 2, default))[0].Title);
        Assert.Equal(3, await _database.Ask<long>("SELECT count(*) FROM similarity_cache WHERE repository_id = $1", name));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_name_that_is_not_there_is_a_clear_error(string name)
    {
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using var noTable = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = name, text = "{title}" }));
        await using var noColumn = new DeclaredCorpus(
            _database.Source,
            Declarations.Notes(
                new
                {
                    kind = "note",
                    table = "notes",
                    text = $"{{{name}}}",
                    id = name + "!",
                    filter = new[] { new { column = name + "?", isNull = true } }
                }));

        Assert.Contains(
            $"there is no table '{name}'", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => noTable.Migrate())).Message,
            StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => noColumn.Migrate());
        Assert.All(
            [name, name + "!", name + "?"],
            column => Assert.Contains($"the table notes has no column '{column}'", error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("notes\"; drop table y;--")]
    [InlineData("public.public.notes")]
    [InlineData("pg_temp.notes")]
    [InlineData("notes;")]
    [InlineData("NOTES")]
    [InlineData(" notes")]
    [InlineData("\"notes\"")]
    [InlineData("(SELECT 1 AS id)")]
    public async Task A_table_is_meant_by_its_very_name(string name)
    {
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = name, text = "{title}" }));

        Assert.Contains(
            $"there is no table '{name}'", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_longer_than_postgres_takes_is_not_taken_for_its_beginning()
    {
        var name = new string('n', 200);
        await _database.Execute($"CREATE TABLE {name[..63]} (id int PRIMARY KEY, title text)");
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = name, text = "{title}" }));

        Assert.Contains(
            $"there is no table '{name}'", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tables_with_long_names_alike_have_indexes_of_their_own()
    {
        var names = new[] { new string('n', 62) + "a", new string('n', 62) + "b" };
        foreach (var name in names)
        {
            await _database.Execute($"CREATE TABLE {name} (id int PRIMARY KEY, title text); INSERT INTO {name} VALUES (1, 'one')");
        }

        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Notes(
            new { kind = "a", table = names[0], text = "{title}" }, new { kind = "b", table = names[1], text = "{title}" }));

        Assert.Equal(2, (await corpus.MigrateAndRun()).Counts.Embedded);
        await corpus.Migrate();
        Assert.Equal(
            8, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'embedding_%' AND tablename LIKE 'nnn%'"));
    }

    [Fact]
    public async Task A_table_with_a_dot_in_its_name_does_not_hide_one_in_a_schema()
    {
        await _database.Execute(
            """
            CREATE TABLE "a.notes" (id int PRIMARY KEY, wrong text);
            CREATE SCHEMA a; CREATE TABLE a.notes (id int PRIMARY KEY, title text); INSERT INTO a.notes VALUES (1, 'one');
            """);
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "a.notes", text = "{title}" }));

        Assert.Equal(1, (await corpus.MigrateAndRun()).Counts.Embedded);
    }

    [Fact]
    public async Task Another_tables_index_of_the_same_name_is_left_alone()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 1);
        await _database.Execute("CREATE INDEX embedding_hnsw_notes ON y (precious)");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains("the index embedding_hnsw_notes is there, and no migration made it", error.Message, StringComparison.Ordinal);
        Assert.Equal("y", await _database.Ask<string>("SELECT tablename::text FROM pg_indexes WHERE indexname = 'embedding_hnsw_notes'"));
    }
}
