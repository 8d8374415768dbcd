using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

public sealed class HybridSearchTests : SearchTest
{
    private static readonly (string, string?)[] _notes =
    [
        ("The checkout hangs after a coupon", "Paying never ends."),
        ("Photos of cats", "They sleep."),
        ("NullReferenceException in ADR-031", "See a/b for the checkout."),
        ("Weather", "It rains."),
    ];

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task A_question_is_answered_by_meaning_and_by_words(string store)
    {
        var corpus = await Notes(store, _notes);

        var answer = await Search(corpus, Ask("the checkout hangs: a coupon"));

        var best = answer.Results[0];
        Assert.Equal(("note", "1", "The checkout hangs after a coupon"), (best.Kind, best.Id, best.Title));
        Assert.Equal((1, 1), (best.VectorRank, best.TextRank));
        // The first place by meaning, and twice the weight by words, because it has them all.
        Assert.Equal((1 + (2 * 1.25)) / 3, best.Score, 6);
        Assert.InRange(best.Similarity!.Value, 0.2, 1);
        Assert.Equal((SearchMode.Hybrid, (string?)null, "exact"), (answer.Mode, answer.Degraded, answer.Plan.Vector));
        Assert.Equal(4, answer.Results.Count);
        Assert.Null(answer.Next);
    }

    [Theory]
    [InlineData("ADR-031")]
    [InlineData("adr-031?")]
    [InlineData("NullReferenceException")]
    [InlineData("where does NullReferenceException come from")]
    [InlineData("nulreferenceexception")]
    public async Task An_identifier_is_found_as_it_is_written_and_when_it_is_misspelt(string query)
    {
        var corpus = await Notes("table", _notes);

        var answer = await Search(corpus, Ask(query) with { Mode = SearchMode.Text });

        Assert.Equal(("3", 1), (answer.Results[0].Id, answer.Results[0].TextRank!.Value));
    }

    [Fact]
    public async Task A_question_that_no_row_has_all_words_of_is_answered_by_those_with_the_rarest()
    {
        var corpus = await Notes("table", [.. Enumerable.Repeat(("the mail", (string?)"late"), 40), ("the mail", "overdue invoice")]);

        var answer = await Search(corpus, Ask("which mail about an invoice never arrived") with { Mode = SearchMode.Text });

        Assert.Equal(("41", "any word"), (answer.Results[0].Id, answer.Plan.Text));
    }

    [Fact]
    public async Task A_word_that_a_person_excludes_stays_excluded()
    {
        var corpus = await Notes("table", ("jaguar car", null), ("jaguar cat", null));

        Assert.Equal(["2"], await Ids(corpus, Ask("jaguar -car") with { Mode = SearchMode.Text }));
        Assert.Empty(await Ids(corpus, Ask("\"car jaguar\" -cat") with { Mode = SearchMode.Text }));
    }

    [Theory]
    [InlineData("Stage 4 - Publish and Promote")]
    [InlineData("stage 4 -- publish")]
    [InlineData("- stage --publish")]
    public async Task A_dash_excludes_nothing(string query)
    {
        var corpus = await Notes("table", ("Stage 4: publish and promote", null), ("Stage 4: nothing", null));

        Assert.Equal("1", (await Ids(corpus, Ask(query) with { Mode = SearchMode.Text })).First());
    }

    [Fact]
    public async Task Words_that_are_close_to_each_other_and_words_of_a_short_text_go_first()
    {
        var filler = string.Join(' ', Enumerable.Range(1, 60).Select(n => $"filler{n}"));
        var corpus = await Notes(
            "table", ("a", $"circuit {filler} breaker"), ("b", $"{filler} circuit breaker {filler}"), ("c", "circuit breaker"));

        Assert.Equal(["3", "2", "1"], await Ids(corpus, Ask("circuit breaker") with { Mode = SearchMode.Text }));
    }

    [Theory]
    [InlineData(SearchHighlight.None, "The checkout <b>hangs</b> after")]
    [InlineData(SearchHighlight.Text, "The *checkout* <b>hangs</b> after")]
    [InlineData(SearchHighlight.Html, "The <mark>checkout</mark> &lt;b&gt;hangs&lt;/b&gt; after")]
    public async Task A_snippet_marks_words_and_is_safe_to_show(SearchHighlight highlight, string expected)
    {
        var corpus = await Notes("table", ("x", "The checkout <b>hangs</b> after"));

        var answer = await Search(corpus, Ask("checkout") with { Mode = SearchMode.Text, Highlight = highlight });

        Assert.Equal(expected, answer.Results[0].Snippet);
    }

    [Fact]
    public async Task A_threshold_is_on_similarity_and_never_on_the_score()
    {
        var corpus = await Notes("table", _notes);
        var all = await Search(corpus, Ask("the checkout hangs"));
        var second = all.Results.Select(result => result.Similarity!.Value).OrderDescending().ElementAt(1);

        var some = await Search(corpus, Ask("the checkout hangs") with { MinSimilarity = second - 0.0001 });
        var none = await Search(corpus, Ask("the checkout hangs") with { MinSimilarity = 0.999 });

        Assert.Equal(2, some.Results.Count);
        Assert.All(some.Results, result => Assert.True(result.Similarity >= second - 0.0001));
        Assert.Empty(none.Results);
    }

    [Fact]
    public async Task A_weight_of_nothing_leaves_the_order_to_the_other_list()
    {
        var corpus = await Notes("table", _notes);

        var words = await Search(corpus, Ask("weather or cats") with { Fusion = new SearchFusion { VectorWeight = 0 } });

        Assert.Equal([1, 2], words.Results.Take(2).Select(result => result.TextRank!.Value));
    }

    [Fact]
    public async Task Applications_join_the_functions_in_SQL()
    {
        await Notes("table", _notes);

        var rows = await Database.Rows(
            """
            SELECT n.title, s.text_rank
            FROM   embedding.hybrid_search('notes', NULL, 'the checkout', filters => '[{"column": "state", "=": "open"}]') s
            JOIN   notes n ON n.id = s.id::int
            ORDER  BY s.score DESC
            """);

        Assert.Equal(["The checkout hangs after a coupon", 1], rows[0]);
        Assert.Equal(2, rows.Count);
    }

    [Fact]
    public async Task Results_have_the_columns_that_were_asked_for_and_items_are_read_as_they_are()
    {
        var corpus = await Notes("table", _notes);

        var found = await Search(corpus, Ask("cats") with { Limit = 1, Columns = ["state", "id"] });
        var read = await corpus.Get<ISearch>().GetAsync(
            new ItemsRequest { Corpus = "notes", Ids = ["3", "1", "99"], Where = [Is("state", "open")], Columns = ["title"] });

        Assert.Equal(("open", 2L), (found.Results[0].Columns!["state"], found.Results[0].Columns!["id"]));
        Assert.Equal(["1", "3"], read.Select(item => item.Id));
        Assert.Equal("NullReferenceException in ADR-031", read[1].Columns!["title"]);
    }
}
