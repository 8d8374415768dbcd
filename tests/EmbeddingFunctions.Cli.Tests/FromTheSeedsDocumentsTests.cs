using System.Globalization;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What people typed into the documents script and read from it, as docs/coming-from-another-system.md says it.</summary>
public sealed class FromTheSeedsDocumentsTests() : SampleProgramTest("documents")
{
    private const string Coverage =
        """
        -- Check embedding coverage
        SELECT 
          COUNT(*) FILTER (WHERE embedding IS NOT NULL) * 100.0 / COUNT(*) as coverage_percent,
          COUNT(*) FILTER (WHERE embedding IS NOT NULL) as with_embeddings,
          COUNT(*) FILTER (WHERE embedding IS NULL) as without_embeddings
        FROM lovdata_documents;
        """;

    [Fact]
    public async Task All_without_a_vector_are_embedded_and_the_coverage_query_says_so()
    {
        await Documents(30);
        Assert.Equal((0m, 0L, 30L), await Covered());

        (await Backfill()).Exits(0).Says("Found 30 documents to process.");

        Assert.Equal((100m, 30L, 0L), await Covered());
    }

    [Fact]
    public async Task The_example_workflow_works_step_by_step()
    {
        await Documents(12);
        (await Backfill("--dry-run")).Exits(0).Says("Found 12 documents");
        (await Backfill("--limit 5")).Exits(0).Says("Found 5 documents to process.");
        Assert.Equal((5L, 7L), await Covered() is var first ? (first.With, first.Without) : default);
        (await Backfill("--limit 6")).Exits(0).Says("Found 6 documents");
        (await Backfill()).Exits(0).Says("Found 1 document to process.");
        (await Backfill()).Exits(0).Says("Found 0 documents");

        Assert.Equal((100m, 12L, 0L), await Covered());
    }

    [Fact]
    public async Task An_archive_is_all_that_is_found()
    {
        await Documents(4);
        await Documents(6, "rules.tar.bz2");

        (await Backfill("--archive gjeldende-lover.tar.bz2")).Exits(0).Says("Found 4 documents");

        Assert.Equal(
            4,
            await Database.Ask<long>(
                "SELECT count(*) FROM lovdata_documents WHERE embedding IS NOT NULL AND archive_filename = 'gjeldende-lover.tar.bz2'"));
        Assert.Equal((4L, 6L), await Covered() is var all ? (all.With, all.Without) : default);
    }

    [Fact]
    public async Task An_id_to_resume_from_is_counted_from()
    {
        await Documents(100);

        (await Backfill("--resume-from-id 81")).Exits(0).Says("Found 20 documents");

        Assert.Equal(20, await Database.Ask<long>("SELECT count(*) FROM lovdata_documents WHERE embedding IS NOT NULL AND id >= 81"));
    }

    [Theory]
    [InlineData("--batch-size 50 --embedding-batch-size 50", 50, 2)]
    [InlineData("--batch-size 50 --embedding-batch-size 25", 25, 4)]
    [InlineData("--batch-size 200", 100, 1)]
    [InlineData("", 40, 3)]
    public async Task Batch_sizes_are_those_asked_for(string options, int largest, int requests)
    {
        await Documents(100);

        (await Backfill($"{options} --concurrency 1")).Exits(0);

        Assert.Equal((largest, requests), (Fake.Requests.Max(request => request.InputCount), Fake.RequestCount));
    }

    [Fact]
    public async Task Help_names_each_option()
    {
        var help = (await Program.Run("backfill", "--help")).Exits(0).Out;

        foreach (var option in new[] { "--limit", "--batch-size", "--embedding-batch-size", "--archive", "--resume-from-id", "--dry-run" })
        {
            Assert.Contains($"\n  {option} ", help, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Rate_elapsed_and_remaining_time_are_reported_while_it_runs()
    {
        await Documents(120);
        using var hold = Fake.Hold(Requests.Where(request => request.Number > 1));
        await using var running = Program.Start("backfill", "documents", "--concurrency", "1");
        await running.Says("Progress: 40/120 documents (33.3%)");
        await hold.WaitForHeldAsync(1, Running.Patience);
        // The rate is printed from the first second on, a line every three.
        await Task.Delay(TimeSpan.FromSeconds(3.2));
        hold.Release();

        var result = (await running.Ended()).Exits(0);

        Assert.Matches(@"Progress: \d+/120 documents \(\d+\.\d%\) - processed: \d+, skipped: 0, failed: 0, \d+(\.\d)?/s, ETA 00:00:\d\d, elapsed 00:00:\d\d, [\d,]+ tokens, \$0\.\d{4}", result.Error);
        Assert.Matches(@"\nDuration:           00:00:0\d\.\d\d\nAverage time:       [\d.,]+ ms per document\nRate:               [\d.,]+ documents/s\n", result.Out);
    }

    [Fact]
    public async Task Ten_of_the_failed_are_named_the_others_are_embedded_and_nothing_need_be_resumed_by_hand()
    {
        await Documents(20);
        await Documents(12, words: "poison");
        _ = Fake.Script(Requests.WithInput(text => text.StartsWith("poison", StringComparison.Ordinal)), Fault.BadInput());

        var result = (await Backfill()).Exits(3).Says("12 items failed: 'embeddings status documents' says why.")
            .Says("No id is needed to resume: the same command takes what is pending.");

        Assert.Equal(10, result.Out.Split('\n').Count(line => line.StartsWith("  failed document:", StringComparison.Ordinal)));
        Assert.Contains("Processed:          20 (62.5% of 32)", result.Out, StringComparison.Ordinal);
        Assert.Equal(
            12, (await Program.Run("failures", "list", "documents", "--json")).Exits(0).Json.GetProperty("items").GetArrayLength());
        Fake.ClearScript();
        (await Program.Run("failures", "retry", "documents", "--all")).Exits(0);
        (await Backfill()).Exits(0).Says("Found 12 documents");
    }

    [Fact]
    public async Task A_wrong_key_and_an_empty_account_end_it_at_once_with_what_to_do()
    {
        await Documents(100);
        using (Fake.Script(Requests.All, Fault.InsufficientQuota()))
        {
            (await Backfill()).Exits(1).Says("insufficient_quota").Says("'embeddings doctor'");
        }

        Assert.Equal(1, Fake.RequestCount);
        await using var fresh = await TestDatabase.Empty();
        var program = new Program(fresh, Fake).Set("OPENAI_API_KEY", "sk-wrong-0123456789");
        (await program.Run("migrate", "documents", "--with-sample-tables")).Exits(0);
        (await program.Run("doctor")).Exits(1);
        Assert.Equal(2, Fake.RequestCount);
    }

    [Fact]
    public async Task Before_the_migration_it_says_which_to_run()
    {
        await using var empty = await TestDatabase.Empty();
        await empty.Execute(
            "CREATE TABLE lovdata_documents (id bigint PRIMARY KEY, archive_filename text, content text, updated_at timestamptz)");

        (await new Program(empty, Fake).Run("backfill", "documents")).Exits(2).Says("embeddings migrate documents");
    }

    [Fact]
    public async Task Tokens_and_dollars_are_predicted_from_the_texts()
    {
        await Documents(400, repeated: 1_250);

        var predicted = (await Backfill("--dry-run --json")).Exits(0);

        var tokens = predicted.Number("tokens");
        Assert.InRange(tokens / 400, 1_000, 2_600);
        Assert.Equal((400, tokens * 0.02m / 1_000_000), (predicted.Number("items"), predicted.Json.GetProperty("dollars").GetDecimal()));
        Assert.Equal(0, Fake.RequestCount);
    }

    private async Task<(decimal Percent, long With, long Without)> Covered()
    {
        var row = (await Database.Rows(Coverage))[0];
        return (Convert.ToDecimal(row[0], CultureInfo.InvariantCulture), (long)row[1]!, (long)row[2]!);
    }
}
