using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>Tables whose columns have other names, parts or companions than most.</summary>
public sealed class HandedOverTests : IAsyncLifetime
{
    private static readonly string[] _kinds = ["note", "memo"];

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Two_kinds_of_a_partitioned_table_go_over_with_columns_of_hostile_and_long_names()
    {
        var (vector, hash) = ("vec \"tor' of " + new string('v', 46), new string('h', 63));
        DeclaredCorpus Notes(int dimensions, string vectorType) => new(_database.Source, new
        {
            name = "notes",
            dimensions,
            vectorType,
            startsPerMinute = 1_000,
            tables = _kinds.Select(kind => new
            {
                kind,
                table = "all'notes",
                vector,
                text = $"{kind}: {{title}}",
                columns = new { contentHash = hash },
                filter = new[] { new { column = "kind", equalTo = kind } },
            }),
        });
        await _database.Execute(
            """
            CREATE TABLE "all'notes" (id bigint PRIMARY KEY, kind text NOT NULL, title text) PARTITION BY RANGE (id);
            CREATE TABLE low PARTITION OF "all'notes" FOR VALUES FROM (0) TO (10);
            CREATE TABLE high PARTITION OF "all'notes" FOR VALUES FROM (10) TO (100);
            INSERT INTO "all'notes" SELECT n, CASE n % 2 WHEN 0 THEN 'note' ELSE 'memo' END, 'note ' || n FROM generate_series(1, 20) n
            """);
        await using var before = Notes(16, "vector");
        await before.MigrateAndRun();
        await using var after = Notes(32, "halfvec");
        var generations = after.Get<GenerationSwitch>();
        Assert.Equal(20, (await after.Run(name: (await generations.Begin("notes", null, default)).Name)).Counts.Embedded);
        await generations.Flip("notes", null, default);
        await _database.Execute("UPDATE low SET title = 'edited' WHERE id < 3");
        Assert.Equal(2, (await after.Run(name: "notes@2")).Counts.Embedded);
        Assert.Equal(2, (await after.Run(name: "notes")).Counts.Embedded);
        await generations.Flip("notes", null, default);
        await generations.Flip("notes", null, default);
        await generations.Finish("notes", isGivenUp: false, null, default);

        Assert.Equal(20, await _database.Ask<long>(
            $"SELECT count(*) FROM \"all'notes\" WHERE vector_dims(\"{vector.Replace("\"", "\"\"")}\") = 32 AND \"{hash}\" IS NOT NULL"));
        Assert.Equal(3 + 7, await _database.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'low'::regclass AND attnum > 0 "
            + "AND NOT attisdropped"));
        Assert.Equal("", await Plan(after, "notes"));
    }

    [Fact]
    public async Task A_text_search_stays_the_corpus()
    {
        DeclaredCorpus Documents(int dimensions, string text = "{content}") => new(_database.Source, new
        {
            name = "documents",
            dimensions,
            startsPerMinute = 1_000,
            tables = new[] { new { kind = "document", table = "documents", text, textSearch = "english" } },
        });
        await _database.Execute(
            "CREATE TABLE documents (id int PRIMARY KEY, title text, content text); "
                + "INSERT INTO documents VALUES (1, 'One', 'Carrots grow')");
        await using var before = Documents(16);
        await before.MigrateAndRun();
        await using var other = Documents(32, "{title}");
        var refused = await Assert.ThrowsAsync<InvalidCorpusException>(
            () => other.Get<GenerationSwitch>().Begin("documents", null, default));
        Assert.Contains("leave textSearch of document as it was", refused.Message, StringComparison.Ordinal);
        await using var after = Documents(32);
        var generations = after.Get<GenerationSwitch>();
        await after.Run(name: (await generations.Begin("documents", null, default)).Name);
        await generations.Flip("documents", null, default);
        await generations.Finish("documents", isGivenUp: false, null, default);

        Assert.Equal("", await Plan(after, "documents"));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM documents WHERE embedding_text_search @@ to_tsquery('carrot')"));
        await after.Get<CorpusRemoval>().Remove("documents@2", null, default);
        Assert.Equal(3, await _database.Ask<long>(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'documents'::regclass AND attnum > 0 AND NOT attisdropped"));
    }

    [Theory]
    [InlineData("manual", 0)]
    [InlineData("after", 1)]
    public async Task An_index_for_search_that_is_not_built_keeps_no_flip(string build, int indexes)
    {
        DeclaredCorpus Notes(int dimensions) => new(_database.Source, new
        {
            name = "notes",
            dimensions,
            startsPerMinute = 1_000,
            index = new { build },
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
        });
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two')");
        await using var before = Notes(16);
        await before.MigrateAndRun();
        await using var after = Notes(32);
        var generations = after.Get<GenerationSwitch>();
        var next = await generations.Begin("notes", null, default);
        await generations.Flip("notes", null, default);
        await generations.Flip("notes", null, default);
        await after.Run(name: next.Name);
        await generations.Flip("notes", null, default);
        await generations.Finish("notes", isGivenUp: false, null, default);

        Assert.Equal((indexes, indexes), (
            await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw (embedding %'"),
            await _database.Ask<long>("SELECT count(*) FROM embedding.objects WHERE object_name LIKE 'embedding_hnsw%'")));
        Assert.Equal("", await Plan(after, "notes"));
    }

    [Fact]
    public async Task A_column_that_was_taken_over_stays_by_its_name_when_the_corpus_goes()
    {
        DeclaredCorpus Notes(int dimensions) => new(_database.Source, new
        {
            name = "notes",
            dimensions,
            startsPerMinute = 1_000,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
        });
        await _database.Execute("CREATE EXTENSION IF NOT EXISTS vector");
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text, embedding vector(16))");
        await _database.Execute("INSERT INTO notes VALUES (1, 'one')");
        await using var before = Notes(16);
        await before.Migrate(takeOver: true);
        await before.Run();
        await using var after = Notes(32);
        var generations = after.Get<GenerationSwitch>();
        await after.Run(name: (await generations.Begin("notes", null, default)).Name);
        await generations.Flip("notes", null, default);
        await generations.Finish("notes", isGivenUp: false, null, default);
        await after.Get<CorpusRemoval>().Remove("notes@2", null, default);

        Assert.Equal("embedding", await _database.Ask<string>(
            "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 2 AND NOT attisdropped"));
    }

    private static Task<string> Plan(DeclaredCorpus corpus, string name) =>
        corpus.Get<Migrator>().Plan(corpus.Get<CorpusSet>().Live(name), new MigrationOptions(), default);
}
