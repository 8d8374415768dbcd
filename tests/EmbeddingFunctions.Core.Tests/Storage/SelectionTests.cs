using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Runs that are confined to an archive, or to ids from one on.</summary>
public sealed class SelectionTests : DocumentsTest
{
    [Fact]
    public async Task An_archive_is_all_that_is_embedded_and_all_that_is_counted()
    {
        await Documents(7);
        await Documents(5, "rules.tar.bz2");

        Assert.Equal(5, (await Engine.Get<DryRun>().Predict(Request("rules.tar.bz2"), default)).Items);
        var run = await Backfill(Request("rules.tar.bz2"));

        Assert.Equal((5, 5), (run.ItemsTotal, run.Counts.Embedded));
        Assert.Equal(
            (5L, 0L), (await Embedded("archive_filename = 'rules.tar.bz2'"), await Embedded("archive_filename <> 'rules.tar.bz2'")));
        Assert.Equal(7, (await Backfill()).Counts.Embedded);
    }

    [Fact]
    public async Task An_archive_and_an_id_hold_together()
    {
        await Documents(3, "a");
        await Documents(3, "b");

        Assert.Equal(2, (await Backfill(Request("b", fromId: 5))).Counts.Embedded);
        Assert.Equal(2, await Embedded("id IN (5, 6)"));
    }

    [Theory]
    [
        InlineData(
            "archve", "x",
            "'documents' cannot choose items of the kind document by 'archve': do you mean 'archive'?; the declaration's 'where' has "
                + "archive.")]
    [InlineData("archive", "lows.tar.bz2", "No document has the archive 'lows.tar.bz2'.")]
    [InlineData("archive", "'; DROP TABLE lovdata_documents; --", "No document has the archive ''; DROP TABLE lovdata_documents; --'.")]
    public async Task What_cannot_be_chosen_is_an_error_before_anything_runs(string name, string value, string message)
    {
        await Documents(1);
        var request = Request() with { Selection = new Selection(new Dictionary<string, string> { [name] = value }) };

        Assert.Equal(message, (await Assert.ThrowsAsync<InvalidCorpusException>(() => Backfill(request))).Message);
        Assert.Equal(
            message, (await Assert.ThrowsAsync<InvalidCorpusException>(() => Engine.Get<DryRun>().Predict(request, default))).Message);
        Assert.Equal(0, Fake.RequestCount);
    }

    [Fact]
    public async Task Only_number_ids_can_be_resumed_from_and_only_values_of_the_columns_type_asked_for()
    {
        await Database.Execute(
            "CREATE TABLE notes (id text PRIMARY KEY, year integer, title text); INSERT INTO notes VALUES ('a', 2001, 'one'), ('b', 2002, "
                + "'two')");
        await using var corpus = new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            dimensions = 16,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", where = new { year = "year" } } },
        });
        await corpus.Migrate();

        Assert.Contains(
            "of type text: only numbers", await Refusal(corpus, new Selection(new Dictionary<string, string>(), 1)),
            StringComparison.Ordinal);
        Assert.Contains(
            "The year 'MMI' cannot be", await Refusal(corpus, new Selection(new Dictionary<string, string> { ["year"] = "MMI" })),
            StringComparison.Ordinal);
        var run = await corpus.Get<InProcessEngine>()
            .Run(
                new RunRequest("notes", []) { Selection = new Selection(new Dictionary<string, string> { ["year"] = "2002" }) }, null,
                default);
        Assert.Equal(1, run.Counts.Embedded);
    }

    [Fact]
    public async Task A_column_that_is_not_there_is_a_misfit()
    {
        await Database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using var corpus = new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            dimensions = 16,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", where = new { headline = "titel" } } },
        });

        Assert.Contains(
            "the table notes has no column 'titel': do you mean 'title'?",
            (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_forced_run_goes_on_only_with_the_same_selection()
    {
        await Documents(4, "a");
        await Documents(4, "b");
        await Backfill();
        await Backfill(Request("a") with { Force = true, Limit = 2, BatchSize = 2 });

        Assert.Equal(8, (await Backfill(Request() with { Force = true })).ItemsTotal);
        Assert.Equal(4, (await Backfill(Request("b") with { Force = true })).ItemsTotal);
    }

    [Fact]
    public async Task A_confined_run_does_not_wait_for_what_others_hold_outside_of_it()
    {
        await Documents(2, "a");
        await Documents(2, "b");
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until)
            SELECT 'documents', 'document', id::text, '', gen_random_uuid(), now() + interval '1 hour' FROM lovdata_documents WHERE
                archive_filename = 'b'
            """);

        Assert.Equal(2, (await Backfill(Request("a")).WaitAsync(TimeSpan.FromSeconds(30))).Counts.Embedded);
    }

    private static async Task<string> Refusal(DeclaredCorpus corpus, Selection selection) =>
        (await Assert.ThrowsAsync<InvalidCorpusException>(
            () => corpus.Get<InProcessEngine>().Run(new RunRequest("notes", []) { Selection = selection }, null, default))).Message;
}
