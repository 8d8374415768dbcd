using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using DeclaredCorpus = EmbeddingFunctions.Core.Tests.Storage.DeclaredCorpus;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>How long edits wait for their vectors.</summary>
public sealed class FreshnessTests : IAsyncLifetime
{
    private const string Changes = "embedding.embedding_changes_vectors_notes_note";
    private const string AnHourAgo = "'@' || (EXTRACT(epoch FROM now() - interval '1 hour') * 1000)::bigint";

    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two')");
    }

    public Task DisposeAsync() => _database.DisposeAsync().AsTask();

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task Edits_are_counted_by_how_long_they_waited_and_rows_that_were_there_before_are_not(string store)
    {
        await using var corpus = Corpus(store);
        await corpus.MigrateAndRun();
        Assert.Equal(Lags.None, (await Fresh(corpus)).Done.Day);

        await _database.Execute("INSERT INTO notes VALUES (3, 'three'); UPDATE notes SET title = 'other' WHERE id = 1");
        await Backdate(store);
        var waiting = await Status(corpus);
        await corpus.Run();

        Assert.InRange(waiting.Freshness!.Waiting.Max!.Value, 3_600, 3_660);
        Assert.InRange((DateTimeOffset.UtcNow - waiting.OldestPending!.Value).TotalSeconds, 3_600, 3_660);
        var fresh = await Fresh(corpus);
        Assert.Equal((Lags.None, null), (fresh.Waiting, (await Status(corpus)).OldestPending));
        Assert.InRange(fresh.Done.Hour.Max!.Value, 3_600, 3_660);
        Assert.Equal(fresh.Done.Hour, fresh.Done.Day);
        Assert.Equal(2, await Counted());
    }

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task A_row_that_is_edited_again_counts_from_its_first_edit(string store)
    {
        await using var corpus = Corpus(store);
        await corpus.MigrateAndRun();
        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 1");
        await Backdate(store);
        await Status(corpus);

        await _database.Execute("UPDATE notes SET title = 'another' WHERE id = 1");
        await corpus.Run();

        Assert.InRange((await Fresh(corpus)).Done.Hour.P50!.Value, 3_600, 3_660);
        Assert.Equal(1, await Counted());
    }

    [Fact]
    public async Task The_clock_of_a_process_that_is_wrong_by_an_hour_changes_nothing()
    {
        await using var corpus = Corpus("column");
        await corpus.MigrateAndRun();
        await using var fake = await FakeOpenAi.StartAsync();
        await using var late = new TestEngine(
            _database.Source, fake, settings => settings with { CorporaFile = corpus.File, Provider = ProviderChoice.Lexical },
            new WrongTime(TimeSpan.FromHours(-1)));
        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 1");

        Assert.InRange((await late.Get<StatusReport>().Of("notes", default)).Freshness!.Waiting.Max!.Value, 0, 60);
        await late.Run(new RunRequest("notes", []));

        Assert.InRange((await late.Get<StatusReport>().Of("notes", default)).Freshness!.Done.Hour.Max!.Value, 0, 60);
        Assert.Equal(1, await Counted());
    }

    [Fact]
    public async Task Health_is_degraded_while_an_edit_waits_too_long_and_while_too_many_did()
    {
        await using var corpus = Corpus("column", freshness: "5 minutes");
        await corpus.MigrateAndRun();
        Assert.Equal(("healthy", false), (await Health(corpus), (await Fresh(corpus)).IsBroken));
        await _database.Execute("UPDATE notes SET title = 'other' WHERE id = 1");
        await Backdate("column");

        Assert.Equal((300d, true), ((await Fresh(corpus)).Target, (await Fresh(corpus)).IsBroken));
        Assert.StartsWith("degraded freshness notes: Edits wait longer", await Health(corpus), StringComparison.Ordinal);
        await corpus.Run();
        Assert.True((await Fresh(corpus)).IsBroken);
        await _database.Execute("UPDATE embedding.lags SET minute = minute - interval '2 hours'");

        Assert.False((await Fresh(corpus)).IsBroken);
        Assert.InRange((await Fresh(corpus)).Done.Day.Max!.Value, 3_600, 3_660);
        Assert.Equal(Lags.None, (await Fresh(corpus)).Done.Hour);
    }

    [Fact]
    public async Task A_vector_is_written_though_its_lag_cannot_be_counted()
    {
        await using var corpus = Corpus("column");
        await corpus.MigrateAndRun();
        await _database.Execute("DROP TABLE embedding.lags; UPDATE notes SET title = 'other' WHERE id = 1");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Null((await Status(corpus)).Freshness);
    }

    [Fact]
    public async Task A_migration_has_a_table_of_changes_of_an_earlier_version_note_the_time()
    {
        await using var corpus = Corpus("table");
        await corpus.MigrateAndRun();
        await _database.Execute(
            $"""
            ALTER TABLE {Changes} DROP COLUMN embedding_noted_at;
            UPDATE embedding.objects SET fingerprint = 'of an earlier version' WHERE object_name LIKE 'embedding_changes%';
            UPDATE notes SET title = 'other' WHERE id = 1
            """);

        await corpus.MigrateAndRun();
        Assert.Equal(0, await Counted());
        await _database.Execute("UPDATE notes SET title = 'another' WHERE id = 1");
        await corpus.Run();

        Assert.Equal(1, await Counted());
    }

    [Fact]
    public async Task Old_lags_are_forgotten()
    {
        await using var corpus = Corpus("column");
        await corpus.MigrateAndRun();
        await _database.Execute(
            """
            INSERT INTO embedding.lags VALUES
                ('notes', now() - interval '32 days', 1, 1, 1), ('notes', now() - interval '30 days', 1, 1, 1)
            """);

        await corpus.Run();

        Assert.Equal(1, await Counted());
    }

    [Theory]
    [InlineData(0.05, 0)]
    [InlineData(0.1, 0)]
    [InlineData(0.11, 1)]
    [InlineData(0.2, 4)]
    [InlineData(0.21, 5)]
    [InlineData(1e12, 120)]
    public void A_bucket_is_a_fourth_of_an_octave(double seconds, int bucket)
    {
        Assert.Equal(bucket, LagStore.BucketOf(seconds));
        Assert.True(bucket == 120 || seconds <= LagStore.Longest(bucket) + 1e-9);
        Assert.True(bucket == 0 || seconds > LagStore.Longest(bucket - 1));
    }

    [Fact]
    public void Percentiles_are_at_most_a_fifth_too_high_and_never_too_low()
    {
        var lags = Enumerable.Range(1, 1_000).Select(n => n * 0.7).ToList();
        var counts = lags.GroupBy(LagStore.BucketOf).Select(group => new LagCount(true, group.Key, group.Count(), group.Max()));

        var sum = LagCount.Sum(counts);

        Assert.InRange(sum.P50!.Value, 350, 350 * 1.2);
        Assert.InRange(sum.P95!.Value, 665, 700);
        Assert.Equal(700, sum.Max);
    }

    private DeclaredCorpus Corpus(string store, string? freshness = null) => new(_database.Source, new
    {
        name = "notes",
        dimensions = 16,
        startsPerMinute = 1_000,
        store,
        freshness,
        tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
    });

    // What the triggers have noted.
    private Task Backdate(string store) => _database.Execute(store == "column"
        ? $"UPDATE notes SET embedding_rule = {AnHourAgo} WHERE embedding_rule LIKE '@%'"
        : $"UPDATE {Changes} SET embedding_noted_at = now() - interval '1 hour'");

    private static Task<CorpusStatus> Status(DeclaredCorpus corpus) => corpus.Get<StatusReport>().Of("notes", default);

    private static async Task<Freshness> Fresh(DeclaredCorpus corpus) => (await Status(corpus)).Freshness!;

    private static async Task<string> Health(DeclaredCorpus corpus)
    {
        await using var another = new DeclaredCorpus(
            corpus.Get<Npgsql.NpgsqlDataSource>(), await File.ReadAllTextAsync(corpus.File));
        var health = await another.Get<Health>().Check(default);
        return string.Join(' ', health.Checks.Where(check => check.Problem is not null)
            .Select(check => $"{check.Name}: {check.Problem}").Prepend(health.Status));
    }

    private Task<long> Counted() => _database.Ask<long>("SELECT COALESCE(sum(items), 0)::bigint FROM embedding.lags");

    private sealed class WrongTime(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + offset;
    }
}
