using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What people typed into the clips tool and read from it, as docs/coming-from-another-system.md says it.</summary>
public sealed partial class FromTheSeedsClipsToolTests() : SampleProgramTest("clips")
{
    private const string CountWithEmbeddings =
        """
        SELECT COUNT(*) 
        FROM clips 
        WHERE embedding IS NOT NULL;
        """;

    private const string Forget = "UPDATE clips SET embedding = NULL, embedding_rule = NULL";

    [Fact]
    public async Task It_says_what_it_works_with_what_it_found_how_far_it_is_and_how_it_ended()
    {
        await Clips(120);

        var result = (await Backfill()).Exits(0);

        var said = new[]
        {
            "Provider: ",
            ", text-embedding-3-small",
            "Database: ",
            "Configuration: batch size 50, limit none, force no, dry run no.",
            "Found 120 clips to process.\n",
            "Progress: 120/120 clips (100.0%) - processed: 120, skipped: 0, failed: 0"
        };
        var places = said.Select(words => result.Says(words).Error.IndexOf(words, StringComparison.Ordinal)).ToList();
        Assert.Equal(places.Order(), places);
        Assert.StartsWith(
            "=== Backfill Summary ===\nResult:             Done\nTotal:              120 clips\nProcessed:          120 (100.0% of 120)\n",
            result.Out, StringComparison.Ordinal);
        Assert.Matches(SummaryPattern(), result.Out);
    }

    [Fact]
    public async Task Progress_is_reported_while_it_runs_and_never_as_more_than_it_is()
    {
        await Clips(120);
        using var hold = Fake.Hold(Requests.Where(request => request.Number == 2));
        await using var running = Program.Start("backfill", "clips", "--concurrency", "1");

        await hold.WaitForHeldAsync(1, Running.Patience);
        var progress = await running.Says("Progress: 50/120");

        Assert.Matches(@"^Progress: 50/120 clips \(41\.6%\) - processed: 50, skipped: 0, failed: 0, (.*, )?elapsed 00:0", progress);
        hold.Release();
        (await running.Ended()).Exits(0);
    }

    [Fact]
    public async Task Nothing_to_do_is_found_and_said()
    {
        var result = (await Backfill()).Exits(0).Says("Found 0 clips to process.");

        Assert.Contains(
            "Result:             Nothing to do\nTotal:              0 clips\nProcessed:          0\n", result.Out,
            StringComparison.Ordinal);
        Assert.Contains("Average time:       none\n", result.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-batch 100", 100)]
    [InlineData("--batch-size 100", 100)]
    [InlineData("", 50)]
    public async Task Batch_is_how_many_clips_a_request_has(string options, int size)
    {
        await Clips(250);

        (await Backfill($"{options} --concurrency 1")).Exits(0).Says($"Configuration: batch size {size},");

        Assert.Equal(size, Fake.Requests.Max(request => request.InputCount));
        Assert.Equal((250 + size - 1) / size, Fake.RequestCount);
    }

    [Theory]
    [InlineData("-dry-run")]
    [InlineData("-batch 100 -force -dry-run")]
    public async Task Dry_run_makes_no_call_and_saves_nothing(string options)
    {
        await Clips(250);

        var result = (await Backfill(options)).Exits(0).Says("Found 250 clips to process.").Says("dry run yes.");

        Assert.StartsWith("Dry run: no provider was called, nothing was written.", result.Out, StringComparison.Ordinal);
        Assert.Equal((0, 0L), (Fake.RequestCount, await Database.Ask<long>(CountWithEmbeddings)));
    }

    [Fact]
    public async Task Force_embeds_all_again_and_pays_for_them()
    {
        await Clips(30);
        (await Backfill()).Exits(0);
        (await Backfill()).Exits(0).Says("Found 0 clips");

        var forced = (await Backfill("-force")).Exits(0).Says("Found 30 clips").Says("force yes");

        Assert.Contains("Embedded:         30", forced.Out, StringComparison.Ordinal);
        Assert.Equal(60, Fake.PaidInputCount);
    }

    [Fact]
    public async Task A_clip_that_fails_is_named_and_the_others_are_embedded_and_the_end_is_no_success()
    {
        await Clips(60);
        var poison = await Database.Ask<Guid>(
            "INSERT INTO clips (title, creator_name, broadcaster_name) VALUES ('poison', 'bob', 'ninja') RETURNING id");
        _ = Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());

        var result = (await Backfill()).Exits(3).Says("Progress: 61/61 clips (100.0%) - processed: 60, skipped: 0, failed: 1")
            .Says("1 items failed").Says("No id is needed to resume");

        Assert.Contains(
            "Result:             Finished, some items failed\nTotal:              61 clips\nProcessed:          60 (98.3% of 61)\n",
            result.Out, StringComparison.Ordinal);
        Assert.Contains("Failed:             1\n", result.Out, StringComparison.Ordinal);
        Assert.Contains($"  failed clip:{poison}: the provider answered 400", result.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("success", result.Out + result.Error, StringComparison.OrdinalIgnoreCase);
        (await Backfill()).Exits(3).Says("Found 0 clips");
    }

    [Fact]
    public async Task Without_its_key_it_says_what_to_set()
    {
        var program = new Program(Path.GetTempPath()).Set("DATABASE_URL", Database.ConnectionString).Set("EMBEDDING_PROVIDER", "openai");

        (await program.Run("backfill", "clips")).Exits(2).Says("OPENAI_API_KEY is not set: set it");
    }

    [Fact]
    public async Task A_file_of_settings_is_read_by_the_shell()
    {
        await Clips(3);
        using var folder = new TestFolder();
        var file = Path.Combine(folder.Path, ".env");
        await File.WriteAllTextAsync(
            file,
            $"OPENAI_API_KEY={Fake.ApiKey}\nEMBEDDING_ENABLED=true\nEMBEDDING_MODEL=text-embedding-3-small    # "
                + "model\nEMBEDDING_REQUESTS_PER_MINUTE=5000\n");
        var program = new Program(folder.Path).Set("DATABASE_URL", Database.ConnectionString).Set("OPENAI_BASE_URL", Fake.BaseUrl);

        await using var running = program.StartOther("sh", "-c", "set -a; . ./.env; set +a; {program} backfill clips");

        (await running.Ended()).Exits(0);
        Assert.Equal(3, await Database.Ask<long>(CountWithEmbeddings));
    }

    [Theory]
    [InlineData(1_000, "500", 20, 0.04)]
    [InlineData(10_000, "500", 200, 0.4)]
    [InlineData(10_000, "5000", 200, 0.04)]
    public async Task Requests_and_minutes_are_predicted(int clips, string perMinute, int requests, double minutes)
    {
        await Clips(clips);
        Program.Set("EMBEDDING_REQUESTS_PER_MINUTE", perMinute);

        var predicted = (await Backfill("--dry-run --json")).Exits(0);

        Assert.Equal(
            (clips, requests, minutes),
            (predicted.Number("items"), predicted.Number("requests"), predicted.Json.GetProperty("minutes").GetDouble()));
        Assert.Equal(predicted.Number("tokens") * 0.02m / 1_000_000, predicted.Json.GetProperty("dollars").GetDecimal());
    }

    [Fact]
    public async Task What_was_paid_for_comes_from_the_cache_and_status_counts_it()
    {
        await Clips(40);
        (await Backfill()).Exits(0);
        await Database.Execute(Forget);

        var again = (await Backfill()).Exits(0);

        Assert.Matches(@"Requests:           0\n(.*\n)*Cached:             40 \(saved \$", again.Out);
        Assert.Contains("Cache: 40 hits, 40 misses, ", (await Program.Run("status")).Exits(0).Out, StringComparison.Ordinal);
        Assert.Equal(40, Fake.PaidInputCount);
    }

    [Fact]
    public async Task Another_model_is_asked_for_once_the_database_was_migrated_for_it()
    {
        await Clips(2);
        (await Backfill()).Exits(0);
        Program.Set("EMBEDDING_MODEL", "text-embedding-3-large");
        (await Backfill()).Exits(2).Says("migrate clips");
        (await Program.Run("migrate", "clips")).Exits(0)
            .Says("2 of 'text-embedding-3-small', and the model is now 'text-embedding-3-large'");
        (await Backfill("--limit 1")).Exits(2).Says("clips.embedding has vectors of another model").Says("--yes-mix");
        (await Program.Run("corpus", "check", "clips")).Exits(2);

        (await Backfill("--yes-mix")).Exits(0).Says(", text-embedding-3-large");
        (await Backfill()).Exits(0);

        Assert.Equal(
            [("text-embedding-3-small", 768), ("text-embedding-3-large", 768)],
            Fake.Requests.Select(request => (request.Model, request.Dimensions)));
        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM clips WHERE embedding_model = 'text-embedding-3-large'"));
    }

    [Fact]
    public async Task A_full_provider_is_waited_for_and_no_item_fails()
    {
        await Clips(10);
        _ = Fake.Script(Requests.Next(1), Fault.RateLimited(TimeSpan.FromSeconds(1)));

        (await Backfill()).Exits(0).Says("Progress: 10/10 clips (100.0%) - processed: 10, skipped: 0, failed: 0");
    }

    [GeneratedRegex(@"\n  Embedded:         120\n  Skipped:          0 \(0 unchanged, 0 empty\)\nChanged meanwhile:  0\nFailed:             0\nRequests:           \d \(\d+ items each\)\nTokens:             [\d,]+\nCost:               \$0\.\d{4}\nCached:             0\nDuration:           00:00:\d\d\.\d\d\nAverage time:       [\d,.]+ ms per clip\nRate:               [\d,.]+ clips/s\n$")]
    private static partial Regex SummaryPattern();
}
