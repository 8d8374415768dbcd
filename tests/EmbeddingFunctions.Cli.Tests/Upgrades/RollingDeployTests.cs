using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests.Upgrades;

/// <summary>
/// A database is upgraded while a host of the version before runs on it. The old program is this one, as a process; the new one is this one
/// with one more script.
/// </summary>
public sealed class RollingDeployTests : IAsyncLifetime
{
    private static readonly SchemaRange _old = SchemaRange.OfThisProgram;

    private readonly TestFolder _folder = new();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private Program _program = null!;

    private string CorporaFile => Path.Combine(_folder.Path, "corpora.json");

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(CorporaFile, OldDatabase.Corpora);
        _fake = await FakeOpenAi.StartAsync();
        _fake.Script(Requests.WithInput(OldDatabase.IsPoison), Fault.BadInput());
        _database = await TestDatabase.Empty();
        await OldDatabase.Restore(_database);
        _program = new Program(_database, _fake).Set("CORPORA_FILE", CorporaFile).Set("EMBEDDINGS_SCHEDULE", "* * * * * *");
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_host_of_the_old_version_embeds_before_while_and_after_a_new_program_upgrades_the_database()
    {
        var settled = await Rows(OldDatabase.Settled);
        var failures = await Failures();
        var ended = await EndedRuns();
        var open = await Runs("completed_at IS NULL");
        // As if the process that had them ended a minute ago.
        await _database.Execute("UPDATE embedding.jobs SET leased_until = now() WHERE completed_at IS NULL");
        await using var host = await Server.Start(_program);
        await using var next = Next(new(1, 1, _old.Current + 1));

        await Embedded(OldDatabase.Due);
        await Insert(10);
        var migrating = Migrate(next);
        await Insert(11);
        await migrating;
        await Insert(12);
        await Embedded([10, 11, 12]);
        await Waiting.Until(async () => (await EndedRuns()).Intersect(open).Count() == open.Count);
        host.Process.Signal(Running.SigTerm);
        var log = (await host.Process.Ended()).Error;
        await Insert(13);
        // Item 6 waits for its next attempt still.
        (await _program.Run("backfill", "notes")).Exits(3);
        await Embedded([13]);
        await Insert(14, title: "new 13");
        var run = await next.Run(new RunRequest("notes", []));

        Assert.Equal((_old.Current + 1, 1), await Version());
        Assert.Equal((RunStatus.Completed, 1, 1), (run.Status, run.Counts.Embedded, run.Counts.Cached));
        Assert.Equal(settled, await Rows(OldDatabase.Settled));
        Assert.Equal(failures, await Failures());
        Assert.Subset((await EndedRuns()).ToHashSet(), ended.ToHashSet());
        Assert.All(await Runs($"id = ANY ('{{{string.Join(',', open)}}}')", "status"), status => Assert.Equal("completed", status));
        Assert.Empty(await _database.Rows(
            "SELECT error_message FROM embedding.jobs WHERE status = 'failed' AND NOT id = ANY ($1)", ended.Select(Guid.Parse).ToArray()));
        // The new program reads the cache of the old one: both have paid for no text twice.
        Assert.Equal(OldDatabase.Due.Length + 4, _fake.PaidInputCount);
        Assert.Equal(2 + OldDatabase.Due.Length + 4, await _database.Ask<long>("SELECT count(*) FROM embedding.cache"));
        Assert.DoesNotContain("The schedule waits", log, StringComparison.Ordinal);
        Assert.DoesNotContain("broke off", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_outside_the_range_is_refused_by_name_old_and_new()
    {
        await using var tooNew = Next(new(OldestSupported: _old.Current + 1, CompatibleWith: _old.Current + 1, _old.Current + 1));

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => tooNew.Run(new RunRequest("notes", [])));
        await Migrate(tooNew);
        var old = await _program.Run("backfill", "notes");

        Assert.Contains(
            $"The database has version 1 of the schema, and this program needs {_old.Current + 1} or later", refusal.Message,
            StringComparison.Ordinal);
        Assert.NotEqual(0, old.ExitCode);
        Assert.Contains(
            $"migrated by a newer version of this program (schema {_old.Current + 1}; this one knows {_old.Current}): update this one",
            old.Error, StringComparison.Ordinal);
        Assert.Equal(RunStatus.Completed, (await tooNew.Run(new RunRequest("notes", []))).Status);
    }

    /// <summary>A program that knows one versioned script more.</summary>
    private TestEngine Next(SchemaRange range)
    {
        var script = new SqlScript(
            $"versioned/{_old.Current + 1:000}_count_retries.sql",
            """
            ALTER TABLE embedding.jobs ADD COLUMN retries integer NOT NULL DEFAULT 0;
            ALTER TABLE embedding.claims ADD COLUMN retries integer;
            CREATE INDEX claims_retried ON embedding.claims (retries) WHERE retries > 0;
            CREATE TABLE embedding.retries (id uuid PRIMARY KEY, run_id uuid REFERENCES embedding.jobs ON DELETE CASCADE);
            """);
        return new TestEngine(
            _database.Source, _fake, settings => settings with { CorporaFile = CorporaFile },
            services: services => services.AddSingleton(range).AddSingleton(s => new EngineSchema(
                s.GetRequiredService<NpgsqlDataSource>(), range, [.. SqlScript.Versioned, script])));
    }

    private static Task Migrate(TestEngine engine) => engine.Get<Migrator>().Migrate(
        engine.Get<CorpusSet>().Get("notes"), new MigrationOptions(SampleTables: null), null, CancellationToken.None);

    private Task Insert(int id, string? title = null) =>
        _database.Execute("INSERT INTO notes (id, title) VALUES ($1, $2)", id, title ?? $"new {id}");

    private Task Embedded(int[] ids) => Waiting.Until(async () => await _database.Ask<long>(
        "SELECT count(*) FROM notes WHERE id = ANY ($1) AND embedding IS NOT NULL AND embedding_rule NOT LIKE '@%'", ids) == ids.Length);

    private async Task<IReadOnlyList<string>> Rows(int[] ids) =>
        (await _database.Rows("SELECT to_jsonb(n)::text FROM notes n WHERE id = ANY ($1) ORDER BY id", ids)).Select(row => (string)row[0]!)
            .ToList();

    private async Task<IEnumerable<string>> Failures() =>
        (await _database.Rows("SELECT concat_ws(' ', item_id, attempts, is_dead, retry_at, reason) FROM embedding.failures ORDER BY 1"))
            .Select(row => (string)row[0]!);

    private Task<IReadOnlyList<string>> EndedRuns() => Runs("completed_at IS NOT NULL");

    private async Task<IReadOnlyList<string>> Runs(string condition, string column = "id") =>
        (await _database.Rows($"SELECT {column}::text FROM embedding.jobs WHERE {condition} ORDER BY id")).Select(row => (string)row[0]!)
            .ToList();

    private async Task<(int, int)> Version() => (
        await _database.Ask<int>("SELECT version FROM embedding.installation"),
        await _database.Ask<int>("SELECT compatible_with FROM embedding.installation"));
}
