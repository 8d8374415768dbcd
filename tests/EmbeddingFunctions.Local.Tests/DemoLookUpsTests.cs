using System.Text.Json;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Cli.Samples;
using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Local.Tests;

/// <summary>The demo's look-ups: the nearest item is about the same matter and shares no content word with the one looked up.</summary>
[Collection(SharedModel.Collection)]
public sealed partial class DemoLookUpsTests(SharedModel shared) : IAsyncLifetime
{
    private static readonly HashSet<string> _stopWords =
    [
        .. """
           a about after again all also am an and any are as at be because been before being both but by can cannot could did do does doing
           down during each few for from further had has have having he her here hers him his how i if in into is it its itself just me more
           most my no nor not now of off on once only or other our ours out over own s same she should so some such t than that the their
           them then there these they this those through to too under until up us very was we were what when where which while
           who whom why will
           with would you your yours
           """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries),
    ];

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task The_best_match_of_each_look_up_is_the_same_matter_in_other_words()
    {
        await using var product = new LocalProduct(_database, shared.Model);
        await product.Migrate(withSampleTables: true);
        await using (var sample = SampleWorkspace.Open())
        {
            await product.Get<WorkspaceImport>().ImportLines(sample, "demo", default);
        }

        await product.Run();

        var found = new List<string>();
        foreach (var title in SampleWorkspace.Questions)
        {
            var similar = await product.Get<SimilarItems>().ToTitle(product.Corpus.Name, title, 1, default);
            Assert.Equal(title, similar[0].Title);
            Assert.Empty(Words(title).Intersect(Words(similar[1].Title)));
            found.Add(similar[1].Title);
        }

        Assert.Equal(
            ["My cart is emptied when I sign in", "Dark mode: several texts are unreadable",
                "5.2.0 closes immediately at startup on Pixel 6"],
            found);
    }

    // Words of title and body; of two forms of a word, as upload and uploads, one is made.
    private static IEnumerable<string> Words(string title) =>
        WordPattern().Matches(Texts()[title].ToLowerInvariant()).Select(word => word.Value).Where(word => !_stopWords.Contains(word))
            .Select(word => EndingPattern().Replace(word, ""));

    private static Dictionary<string, string> Texts()
    {
        using var reader = new StreamReader(SampleWorkspace.Open());
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)
            .Select(item => (Title: $"{item.GetProperty("title")}", Body: $"{item.GetProperty("body")}"))
            .ToDictionary(item => item.Title, item => $"{item.Title} {item.Body}");
    }

    [GeneratedRegex("[a-z0-9]+")]
    private static partial Regex WordPattern();

    [GeneratedRegex("(ing|ed|es|s|e|ly)$")]
    private static partial Regex EndingPattern();
}
