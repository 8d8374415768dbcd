using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>A corpus as a collection of Microsoft.Extensions.VectorData.</summary>
public sealed class CollectionTests : IClassFixture<SearchedLibrary>, IAsyncLifetime
{
    private readonly SearchedLibrary _library;
    private readonly WebApplication _app;
    private readonly VectorStoreCollection<long, Book> _books;

    public CollectionTests(SearchedLibrary library)
    {
        _library = library;
        _app = library.Builder(embeddings => embeddings.AddCollection<long, Book>("books")).Build();
        _books = _app.Services.GetRequiredService<VectorStoreCollection<long, Book>>();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _app.DisposeAsync();

    [Fact]
    public async Task A_text_a_vector_and_an_embedding_find_the_same_records()
    {
        var vector = _library.Generator.VectorOf("zebra quartz");

        var byText = await _books.SearchAsync("zebra quartz", 5).ToListAsync();
        var byVector = await _books.SearchAsync(vector, 5).ToListAsync();
        var byMemory = await _books.SearchAsync(new ReadOnlyMemory<float>(vector), 5).ToListAsync();
        var byEmbedding = await _books.SearchAsync(new Embedding<float>(vector), 5).ToListAsync();

        Assert.All(byText, found => Assert.Contains("zebra", found.Record.Body, StringComparison.Ordinal));
        Assert.Equal(byText.Select(found => found.Score!.Value).OrderDescending(), byText.Select(found => found.Score!.Value));
        Assert.All(
            new[] { byVector, byMemory, byEmbedding },
            others => Assert.Equal(byText.Select(found => found.Record.Id), others.Select(found => found.Record.Id)));
        Assert.InRange(byText[0].Score!.Value, 0.5, 1);
    }

    [Fact]
    public async Task A_record_has_the_values_of_its_row()
    {
        var book = await _books.GetAsync(7);

        Assert.Equal(
            (7, "Volume 7", "bread butter honey 7", "Author 1", 70, false, new DateTimeOffset(2026, 1, 8, 0, 0, 0, TimeSpan.Zero)),
            (book!.Id, book.Title, book.Body, book.Author, book.Pages, book.IsLent, book.BoughtAt));
        Assert.Null((await _books.GetAsync(5))!.Author);
        Assert.Null(await _books.GetAsync(4_711));
        Assert.Equal([1, 2, 3], (await _books.GetAsync([3L, 1L, 2L, 4_711L, 1L]).ToListAsync()).Select(found => found.Id).Order());
    }

    [Fact]
    public async Task Filters_hold_for_searches_and_reads_alike()
    {
        string[] authors = ["Author 0", "Author 2"];
        var least = 100;
        System.Linq.Expressions.Expression<Func<Book, bool>> filter = book =>
            authors.Contains(book.Author) && book.Pages >= least && book.IsLent && book.Branch == SearchedLibrary.North;

        var found = await _books.SearchAsync("bread", 200, new() { Filter = filter }).ToListAsync();
        var read = await _books.GetAsync(filter, 250).ToListAsync();

        var expected = Enumerable.Range(1, 250).Where(n => n % 5 != 0 && n % 2 == 0 && n * 10 >= 100 && n % 4 != 0).Select(n => (long)n);
        Assert.Equal(expected, read.Select(book => book.Id).Order());
        Assert.Equal(expected, found.Select(one => one.Record.Id).Order());
        Assert.Equal(50, (await _books.GetAsync(book => book.Author == null, 250).ToListAsync()).Count);
        Assert.Equal(
            [249, 250], (await _books.GetAsync(book => book.BoughtAt > new DateTimeOffset(2026, 9, 6, 0, 0, 0, TimeSpan.Zero), 9)
                .ToListAsync()).Select(book => book.Id).Order());
    }

    [Fact]
    public async Task As_many_come_as_there_are_and_pages_follow_each_other()
    {
        var all = await _books.SearchAsync("ships", 200).ToListAsync();
        var later = await _books.SearchAsync("ships", 10, new() { Skip = 120 }).ToListAsync();

        Assert.Equal(200, all.Select(found => found.Record.Id).Distinct().Count());
        Assert.Equal(all.Skip(120).Take(10).Select(found => found.Record.Id), later.Select(found => found.Record.Id));
        Assert.Equal(
            [11, 12, 13], (await _books.GetAsync(book => book.Pages > 0, 3, new() { Skip = 10 }).ToListAsync()).Select(book => book.Id));
    }

    [Fact]
    public async Task A_threshold_is_one_of_similarity()
    {
        var all = await _books.SearchAsync("zebra quartz", 200).ToListAsync();
        var least = all[40].Score!.Value;

        var near = await _books.SearchAsync("zebra quartz", 200, new() { ScoreThreshold = least }).ToListAsync();

        Assert.Equal(all.Count(found => found.Score >= least), near.Count);
        Assert.Empty(await _books.SearchAsync("zebra quartz", 200, new() { ScoreThreshold = 1 }).ToListAsync());
        var distances = _app.Services.GetRequiredService<ISearch>().AsCollection<long, DistantBook>("books");
        var byDistance = await distances.SearchAsync("zebra quartz", 200, new() { ScoreThreshold = 1 - least }).ToListAsync();
        Assert.Equal(near.Select(found => found.Record.Id), byDistance.Select(found => found.Record.Id));
        Assert.Equal(1 - near[0].Score!.Value, byDistance[0].Score!.Value, 9);
    }

    [Fact]
    public async Task A_hybrid_search_takes_words_that_need_not_be_those_of_the_meaning()
    {
        var hybrid = _app.Services.GetRequiredService<IKeywordHybridSearchable<Book>>();

        var found = await hybrid.HybridSearchAsync("ships sails harbour", ["honey", "no such \"word"], 20).ToListAsync();
        var byOwnWords = await hybrid.HybridSearchAsync("honey", [], 5, new() { Filter = book => book.IsLent }).ToListAsync();

        Assert.Contains(found, one => one.Record.Body.StartsWith("ships", StringComparison.Ordinal));
        Assert.Contains(found, one => one.Record.Body.StartsWith("bread butter honey", StringComparison.Ordinal));
        Assert.All(byOwnWords, one => Assert.True(one.Record.IsLent));
        Assert.Equal(5, byOwnWords.Count);
    }

    [Fact]
    public async Task What_writes_or_cannot_be_translated_is_refused_with_what_to_do()
    {
        static async Task Refused(string words, Func<Task> act) =>
            Assert.Contains(words, (await Assert.ThrowsAsync<NotSupportedException>(act)).Message, StringComparison.Ordinal);

        await Refused("INSERT or UPDATE there", () => _books.UpsertAsync(new Book()));
        await Refused("INSERT or UPDATE there", () => _books.UpsertAsync([new Book()]));
        await Refused("DELETE there", () => _books.DeleteAsync(7));
        await Refused("DELETE there", () => _books.DeleteAsync([7L]));
        await Refused("migrate books --down", () => _books.EnsureCollectionDeletedAsync());
        await Refused("float[]", async () => await _books.SearchAsync(7, 1).ToListAsync());
        await Refused("at most 200", async () => await _books.SearchAsync("a", 150, new() { Skip = 51 }).ToListAsync());
        await Refused("IncludeVectors", async () => await _books.SearchAsync("a", 1, new() { IncludeVectors = true }).ToListAsync());
        await Refused("sort them", async () => await _books.GetAsync(
            book => book.Pages > 1, 1, new() { OrderBy = order => order.Ascending(book => book.Title) }).ToListAsync());
        await Refused("HybridSearchAsync", async () => await _books.GetAsync(book => book.Title.Contains("Vol"), 1).ToListAsync());
        await Refused("Search once for each alternative", async () => await _books.GetAsync(
            book => book.Pages == 1 || book.IsLent, 1).ToListAsync());
        await Refused("no column", async () => await _app.Services.GetRequiredService<ISearch>()
            .AsCollection<long, LostBook>("books").GetAsync(7));
        Assert.Contains("Guid", Assert.Throws<NotSupportedException>(
            () => _app.Services.GetRequiredService<ISearch>().AsCollection<DateTime, Book>("books")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_exists_if_the_corpus_is_migrated()
    {
        Assert.True(await _books.CollectionExistsAsync());
        await _books.EnsureCollectionExistsAsync();
        var none = _app.Services.GetRequiredService<ISearch>().AsCollection<long, Book>("papers");
        Assert.False(await none.CollectionExistsAsync());
        Assert.Equal("books", ((VectorStoreCollectionMetadata)_books.GetService(typeof(VectorStoreCollectionMetadata))!).CollectionName);
    }

    [Fact]
    public async Task A_chat_template_s_search_works_over_it_as_it_is()
    {
        var chunks = _app.Services.GetRequiredService<ISearch>().AsCollection<string, Chunk>("books");
        var search = new SemanticSearch(chunks);

        var all = await search.SearchAsync("bread with honey", documentIdFilter: null, maxResults: 5);
        var ofOne = await search.SearchAsync("bread with honey", documentIdFilter: "Author 1", maxResults: 5);

        Assert.Equal((5, 5), (all.Count, ofOne.Count));
        Assert.All(all, chunk => Assert.StartsWith("bread", chunk.Text, StringComparison.Ordinal));
        Assert.All(ofOne, chunk => Assert.Equal("Author 1", chunk.DocumentId));
    }

    internal class Book
    {
        [VectorStoreKey]
        public long Id { get; set; }

        [VectorStoreData]
        public string Title { get; set; } = "";

        [VectorStoreData(StorageName = "body")]
        public string Body { get; set; } = "";

        [VectorStoreData]
        public string? Author { get; set; }

        [VectorStoreData]
        public string Branch { get; set; } = "";

        [VectorStoreData]
        public int Pages { get; set; }

        [VectorStoreData]
        public bool IsLent { get; set; }

        [VectorStoreData]
        public DateTimeOffset BoughtAt { get; set; }
    }

    private sealed class DistantBook : Book
    {
        [VectorStoreVector(32, DistanceFunction = DistanceFunction.CosineDistance)]
        public string Vector => Body;
    }

    private sealed class LostBook
    {
        [VectorStoreKey]
        public long Id { get; set; }

        [VectorStoreData]
        public string Publisher { get; set; } = "";
    }

    // As apps made from the template declare them, with the names of another table.
    private sealed class Chunk
    {
        [VectorStoreKey(StorageName = "id")]
        public required string Key { get; set; }

        [VectorStoreData(StorageName = "author")]
        public required string DocumentId { get; set; }

        [VectorStoreData(StorageName = "body")]
        public required string Text { get; set; }

        [VectorStoreVector(32, DistanceFunction = DistanceFunction.CosineDistance, StorageName = "embedding")]
        public string? Vector => Text;
    }

    private sealed class SemanticSearch(VectorStoreCollection<string, Chunk> chunks)
    {
        public async Task<IReadOnlyList<Chunk>> SearchAsync(string text, string? documentIdFilter, int maxResults)
        {
            var nearest = chunks.SearchAsync(text, maxResults, new VectorSearchOptions<Chunk>
            {
                Filter = documentIdFilter is { Length: > 0 } ? chunk => chunk.DocumentId == documentIdFilter : null,
            });
            return await nearest.Select(found => found.Record).ToListAsync();
        }
    }
}
