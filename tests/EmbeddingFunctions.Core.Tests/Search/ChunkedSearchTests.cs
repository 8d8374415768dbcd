using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>A long document is one result, with the place of its best chunk.</summary>
public sealed class ChunkedSearchTests : SearchTest
{
    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task A_document_of_many_chunks_comes_once_with_the_best_of_them(string store)
    {
        await Database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text);
            INSERT INTO notes VALUES
                (1, repeat('weather and rain. ', 60) || 'The checkout hangs after a coupon. ' || repeat('weather and wind. ', 60)),
                (2, 'sleeping cats');
            """);
        var corpus = Declare(store, new
        {
            kind = "note",
            table = "notes",
            text = "{title}",
            longText = "chunk",
            chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 },
            search = new { language = "english" },
        });
        await corpus.MigrateAndRun();

        var answer = await Search(corpus, Ask("the checkout hangs after a coupon"));
        var alike = await Search(corpus, new SearchRequest { Corpus = "notes", Item = new ItemKey("note", "2") });

        var best = answer.Results[0];
        Assert.Equal(["1", "2"], answer.Results.Select(result => result.Id));
        Assert.Contains("checkout hangs", best.Snippet, StringComparison.Ordinal);
        var text = (await Database.Ask<string>("SELECT title FROM notes WHERE id = 1"))!;
        Assert.Contains("checkout hangs", text.Substring(best.Chunk!.Start, best.Chunk.Length), StringComparison.Ordinal);
        Assert.True(best.Similarity > alike.Results[0].Similarity);
        Assert.Equal(["1"], alike.Results.Select(result => result.Id));
    }
}
