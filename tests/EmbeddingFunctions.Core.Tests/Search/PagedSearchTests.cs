using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

public sealed class PagedSearchTests : SearchTest
{
    [Theory]
    [InlineData("column", SearchMode.Hybrid)]
    [InlineData("table", SearchMode.Hybrid)]
    [InlineData("table", SearchMode.Vector)]
    [InlineData("table", SearchMode.Text)]
    public async Task A_hundred_rows_of_one_text_are_a_hundred_keys_over_ten_pages_each_time(string store, SearchMode mode)
    {
        var corpus = await Notes(store, [.. Enumerable.Repeat(("The checkout hangs", (string?)null), 100)]);

        var first = await Pages(mode);
        Assert.Equal(100, first.Distinct().Count());
        Assert.Equal(first, await Pages(mode));

        async Task<List<string>> Pages(SearchMode mode)
        {
            var (ids, cursor) = (new List<string>(), (string?)null);
            for (var page = 0; page < 10; page++)
            {
                var answer = await Search(corpus, Ask("the checkout") with { Mode = mode, Cursor = cursor });
                ids.AddRange(answer.Results.Select(result => result.Id));
                cursor = answer.Next;
                Assert.Equal(page < 9, cursor is not null);
            }

            return ids;
        }
    }

    [Fact]
    public async Task A_cursor_is_of_its_own_request_and_does_not_reach_deep()
    {
        var corpus = await Notes("table", [.. Enumerable.Repeat(("The checkout hangs", (string?)null), 12)]);
        var next = (await Search(corpus, Ask("checkout"))).Next;

        var other = await Assert.ThrowsAsync<InvalidSearchException>(() => Search(corpus, Ask("cats") with { Cursor = next }));
        var deep = await Assert.ThrowsAsync<InvalidSearchException>(
            () => Search(corpus, Ask("checkout") with { Cursor = new SearchCursor(100, 1_000).Text(Ask("checkout")) }));

        Assert.Contains("another request", other.Message, StringComparison.Ordinal);
        Assert.Contains("narrow it by filters", deep.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await Search(corpus, Ask("checkout") with { Cursor = next, Limit = 5 })).Results.Count);
    }
}
