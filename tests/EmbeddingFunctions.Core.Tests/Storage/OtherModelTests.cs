using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A model that changed: two models are in one column only while a person allows it.</summary>
public sealed class OtherModelTests : IAsyncLifetime
{
    private const string Earlier = "text-embedding-3-small";
    private const string Later = "text-embedding-3-large";

    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private TestWorkspace _workspace = null!;
    private Guid _repository;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _workspace = new TestWorkspace(_database);
        _repository = await _workspace.Repository();
        await _workspace.Items(_repository, 5);
        await using (var earlier = new TestEngine(_database, _fake))
        {
            await earlier.Run();
        }

        _engine = new TestEngine(_database, _fake, settings => settings with { Model = Later });
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(2, false)]
    [InlineData(null, true)]
    public async Task D8_a_run_is_refused_while_vectors_of_another_model_are_in_the_column(int? limit, bool force)
    {
        await Migrate();
        await _workspace.Item(_repository, "new");

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => _engine.Run(new RunRequest("workspace", [], Limit: limit, Force: force)));

        Assert.Contains(
            $"issues.embedding has vectors of another model, 5 of '{Earlier}', and the model is now '{Later}'", refused.Message,
            StringComparison.Ordinal);
        Assert.Contains("'embeddings backfill workspace --yes-mix'", refused.Message, StringComparison.Ordinal);
        Assert.Equal((5L, 0L), await Vectors());
        Assert.Equal(5, _fake.PaidInputCount);
    }

    [Fact]
    public async Task D8_a_person_may_allow_two_models_until_every_vector_is_replaced()
    {
        await Migrate();

        await _engine.Run(new RunRequest("workspace", [], Limit: 2) { AllowMixedModels = true });
        Assert.Equal((3L, 2L), await Vectors());
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => _engine.Run());

        await _engine.Run(new RunRequest("workspace", []) { AllowMixedModels = true });
        Assert.Equal((0L, 5L), await Vectors());
        Assert.Equal(RunStatus.Completed, (await _engine.Run()).Status);
        Assert.Equal(RunStatus.Completed, (await _engine.Run(new RunRequest("workspace", [], Force: true))).Status);
    }

    [Fact]
    public async Task D8_a_scheduled_run_and_one_for_an_event_fail_with_the_reason()
    {
        await Migrate();
        var (desk, engine) = (_engine.Get<RunScheduler>(), _engine.Get<BackgroundEngine>());
        await _database.Execute("DELETE FROM embedding.jobs");

        await desk.Tick(engine, default);
        await desk.Ask(engine, new RunRequest("workspace", ["issue"], Force: true), "e-1", default);
        while (await _database.Ask<bool>("SELECT EXISTS (SELECT FROM embedding.jobs WHERE completed_at IS NULL)"))
        {
            await Task.Delay(50);
        }

        Assert.Equal(
            2,
            await _database.Ask<long>(
                $"SELECT count(*) FROM embedding.jobs WHERE status = 'failed' AND error_message LIKE '%5 of ''{Earlier}''%--yes-mix%'"));
        Assert.Equal((5L, 0L), await Vectors());
    }

    [Fact]
    public async Task D8_a_run_that_began_before_the_migration_does_not_mix_either()
    {
        await Migrate();
        var run = new RunInput(Guid.CreateVersion7(), new RunRequest("workspace", [])) { Opened = new OpenedRun(5, 2, null) };
        var plan = new PlanPage(run, "", [], 10);

        await Assert.ThrowsAsync<ActivityFailedException>(() => _engine.Get<RunActivities>().Do(RunActivities.PlanPage, plan, default));
    }

    [Fact]
    public async Task D8_vectors_that_no_run_replaces_refuse_no_run()
    {
        await Migrate();
        await _database.Execute("UPDATE workspaces SET is_active = false");
        await _workspace.Items(await _workspace.Repository("acme/two"), 3);

        Assert.Equal(3, (await _engine.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task D8_the_same_model_under_another_rule_is_not_mixing()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();
        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "NOTE {title}" }));

        Assert.Equal(3, (await changed.MigrateAndRun()).Counts.Embedded);
    }

    [Fact]
    public async Task D8_migrate_status_doctor_and_a_dry_run_say_it()
    {
        var told = new List<string>();
        var says = $"5 of '{Earlier}', and the model is now '{Later}'";
        await _engine.Get<Migrator>().Migrate(Workspace, false, told.Add, default);

        Assert.Contains(told, line => line.Contains(says, StringComparison.Ordinal));
        Assert.Contains(
            (await _engine.Get<StatusReport>().Of("workspace", default)).Findings,
            finding => finding.Contains(says, StringComparison.Ordinal));
        Assert.Contains(
            await _engine.Get<Doctor>().Examine([Workspace], default),
            finding => !finding.IsWell && finding.Message.Contains(says, StringComparison.Ordinal));
        Assert.Contains(
            says, Assert.Single((await _engine.Get<DryRun>().Predict(new RunRequest("workspace", []), default)).Findings),
            StringComparison.Ordinal);
        Assert.Empty((await _engine.Get<DryRun>().Predict(new RunRequest("workspace", []) { AllowMixedModels = true }, default)).Findings);
    }

    [Fact]
    public async Task D8_a_row_that_is_inserted_brings_no_vector_of_another_model()
    {
        await Migrate();
        await _engine.Run(new RunRequest("workspace", []) { AllowMixedModels = true });
        await _database.Execute(
            $"""
            CREATE TEMP TABLE copy AS SELECT * FROM issues LIMIT 1;
            UPDATE copy SET id = gen_random_uuid(), number = 77, embedding_model = '{Earlier}';
            INSERT INTO issues SELECT * FROM copy;
            """);

        Assert.Equal((0L, 5L), await Vectors());
        Assert.Equal(1, (await _engine.Run()).Counts.Processed);
    }

    // A million rows must not make every run slow.
    [Fact]
    public async Task D8_the_look_for_other_models_is_into_an_index_that_is_empty()
    {
        await Migrate();
        await _engine.Run(new RunRequest("workspace", []) { AllowMixedModels = true });
        var table = (await _engine.Get<ResolvedCorpora>().Get("workspace", default)).TableOf("issue");
        await _database.Execute("VACUUM ANALYZE issues");

        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            $"SET enable_seqscan = off; EXPLAIN SELECT FROM {table.Table} t WHERE {table.IsToBeReplaced}", connection);
        var plan = await command.ExecuteScalarAsync() as string;

        Assert.Contains("embedding_other_model_issues", plan, StringComparison.Ordinal);
    }

    private Corpus Workspace => _engine.Get<CorpusSet>().Get("workspace");

    private Task Migrate() => _engine.Get<Migrator>().Migrate(Workspace, withSampleTables: false, null, default);

    private async Task<(long Earlier, long Later)> Vectors() =>
        (await _database.Ask<long>($"SELECT count(embedding) FROM issues WHERE embedding_model = '{Earlier}'"),
         await _database.Ask<long>($"SELECT count(embedding) FROM issues WHERE embedding_model = '{Later}'"));
}
