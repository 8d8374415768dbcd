using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Search;

public sealed class SimilarItemsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, body text);
            CREATE TABLE memos (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text, body text);
            INSERT INTO notes VALUES (1, 'the checkout hangs after a coupon', 'x'), (2, 'a coupon hangs the checkout', 'x'), (3,
                'photos of cats', 'x'), (4, NULL, 'the checkout hangs'), (5, 'late', 'x');
            INSERT INTO memos (title, body) VALUES ('checkout hangs, coupon after', 'x'), ('weather', 'x');
            """);
        _corpus = new DeclaredCorpus(_database.Source, Declarations.Notes(
            new { kind = "note", table = "notes", text = "{title} {body}" },
            new { kind = "memo", table = "memos", text = "{title} {body}" }));
        await _corpus.MigrateAndRun();
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task The_item_itself_comes_first_then_the_nearest_of_all_kinds()
    {
        var items = await Find("the checkout hangs after a coupon", 3);

        Assert.Equal(("note", "1", "the checkout hangs after a coupon"), (items[0].Kind, items[0].Id, items[0].Title));
        Assert.Equal(1, items[0].Similarity, 5);
        Assert.Equal(4, items.Count);
        Assert.Contains(items, item => item.Kind == "memo");
        Assert.DoesNotContain(items, item => item.Title is "photos of cats" or "weather");
        Assert.Equal(items.Select(item => item.Similarity).OrderDescending(), items.Select(item => item.Similarity));
    }

    [Fact]
    public async Task An_item_without_a_title_is_found_all_the_same() =>
        Assert.Contains(await Find("the checkout hangs after a coupon", 5), item => item is { Id: "4", Title: "" });

    [Fact]
    public async Task Without_such_an_item_there_is_nothing() => Assert.Empty(await Find("no such title", 3));

    [Fact]
    public async Task A_vector_of_a_text_edited_since_is_not_compared()
    {
        await _database.Execute("UPDATE notes SET body = 'all about cats' WHERE id = 2");

        Assert.DoesNotContain(await Find("the checkout hangs after a coupon", 5), item => item.Id == "2");

        await _corpus.Run();
        Assert.Contains(await Find("the checkout hangs after a coupon", 6), item => item.Id == "2");
    }

    [Fact]
    public async Task A_vector_made_under_another_rule_is_not_compared()
    {
        await _database.Execute("UPDATE notes SET embedding_rule = 'another' WHERE id = 2");

        Assert.DoesNotContain(await Find("the checkout hangs after a coupon", 5), item => item.Id == "2");
    }

    [Fact]
    public async Task A_process_from_before_the_extension_reads_vectors_too()
    {
        await using var database = await TestDatabase.Empty();
        await using var early = Database.Open(database.ConnectionString);
        await using (var first = early.CreateCommand("SELECT 1"))
        {
            await first.ExecuteScalarAsync();
        }

        await database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'late orders'), (2, 'orders come late')");
        await using var migrating = new DeclaredCorpus(database.Source, Declarations.Notes());
        await migrating.MigrateAndRun();
        await using var reading = new DeclaredCorpus(early, Declarations.Notes());

        Assert.Equal(["1", "2"], (await reading.Get<SimilarItems>().ToTitle("notes", "late orders", 2, default)).Select(item => item.Id));
    }

    [Fact]
    public async Task Half_precision_vectors_are_compared_as_such()
    {
        await using var database = await TestDatabase.Empty();
        await database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'late orders'), (2, 'orders come late')");
        await using var corpus = new DeclaredCorpus(database.Source, new
        {
            name = "notes",
            dimensions = 16,
            vectorType = "halfvec",
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
        });
        await corpus.MigrateAndRun();

        var items = await corpus.Get<SimilarItems>().ToTitle("notes", "late orders", 2, default);

        Assert.Equal(["1", "2"], items.Select(item => item.Id));
        Assert.Equal(1, items[0].Similarity, 3);
    }

    private Task<IReadOnlyList<SimilarItem>> Find(string title, int limit) =>
        _corpus.Get<SimilarItems>().ToTitle("notes", title, limit, default);
}
