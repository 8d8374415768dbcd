using System.Text;
using EmbeddingFunctions.Cli;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Behind a transaction pooler every transaction may meet another session, and none is reset between clients.</summary>
public sealed class PoolerTests
{
    [Fact]
    public async Task Everything_works_when_every_command_meets_a_session_of_its_own()
    {
        await using var database = await TestDatabase.Empty();
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString);
        await using var fake = await FakeOpenAi.StartAsync();
        await using var services = new ServiceCollection().AddEmbeddings(
            new EmbeddingSettings
            {
                Provider = ProviderChoice.OpenAi,
                ProviderReason = "test",
                ApiKey = fake.ApiKey,
                BaseUrl = new Uri(fake.BaseUrl + "/"),
                RequestsPerMinute = 1_000_000
            },
            source).AddCommands().BuildServiceProvider();
        var corpus = services.GetRequiredService<EmbeddingFunctions.Corpora.CorpusSet>().Get("workspace");
        var lines = Enumerable.Range(0, 60)
            .Select(n => $$"""{"kind":"issue","repository":"a/r{{n % 3}}","key":"{{n}}","title":"title {{n}}","updated_at":1700000000}""");

        await services.GetRequiredService<Migrator>().Migrate(corpus, withSampleTables: true, null, default);
        await services.GetRequiredService<WorkspaceImport>()
            .ImportLines(new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines))), "team", default);
        var outcome = await services.GetRequiredService<InProcessEngine>()
            .Run(new RunRequest("workspace", [], Concurrency: 4), null, default);
        var status = await services.GetRequiredService<StatusReport>().Of("workspace", default);

        Assert.Equal((RunStatus.Completed, 60), (outcome.Status, outcome.Counts.Embedded));
        Assert.Equal((60, 0), (status.Kinds[0].Embedded, status.Kinds[0].Pending));
        Assert.Equal(0, fake.DuplicatePaidInputs);
        Assert.Empty(await new TestWorkspace(database).Stale());
    }

    [Fact]
    public async Task A_session_is_left_as_it_was_found()
    {
        await using var database = await TestDatabase.Empty();
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 1 }.ConnectionString);
        await using (await Declarations.CreateNotes(database, 50))
        {
            await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

            Assert.Equal(50, (await corpus.MigrateAndRun()).Counts.Embedded);

            Assert.Equal(0L, await Ask(source, "SELECT count(*) FROM pg_settings WHERE source = 'session'"));
            Assert.Equal(0L, await Ask(source, "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"));
            Assert.Equal(0L, await Ask(source, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"));
            Assert.Equal(0L, await Ask(source, "SELECT count(*) FROM pg_listening_channels()"));
            Assert.Equal(0L, await Ask(source, "SELECT count(*) FROM pg_class WHERE relpersistence = 't'"));
        }
    }

    [Fact]
    public async Task Statements_that_run_often_are_prepared_in_sessions_of_this_client_alone()
    {
        await using var database = await TestDatabase.Empty();
        await using var source = await Database.Open(OneSession(database.ConnectionString), default);

        Assert.NotEqual(0L, await PreparedInARun(database, source));
    }

    [Fact]
    public async Task Nothing_is_prepared_behind_a_pooler()
    {
        await using var database = await TestDatabase.Empty();
        using var pooler = new FakePooler(database.ConnectionString);
        await using var source = await Database.Open(OneSession(pooler.ConnectionString), default);

        Assert.Equal(0L, await PreparedInARun(database, source));
    }

    [Fact]
    public async Task A_prepared_statement_survives_that_its_table_is_altered()
    {
        await using var database = await TestDatabase.Empty();
        await using var source = await Database.Open(OneSession(database.ConnectionString), default);
        await PreparedInARun(database, source);
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());
        await database.Execute("ALTER TABLE notes ALTER COLUMN title TYPE varchar(80); UPDATE notes SET title = title || ' again'");

        Assert.Equal(400, (await corpus.Run()).Counts.Embedded);
    }

    private static string OneSession(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) { MaxPoolSize = 1 }.ConnectionString;

    private static async Task<object?> PreparedInARun(TestDatabase database, NpgsqlDataSource source)
    {
        await using var notes = await Declarations.CreateNotes(database, 400);
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());
        Assert.Equal(400, (await corpus.MigrateAndRun()).Counts.Embedded);
        return await Ask(source, "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''");
    }

    [Theory]
    [InlineData("Host=db")]
    [InlineData("Host=db;No Reset On Close=false;Max Auto Prepare=20;Multiplexing=true;Include Error Detail=true")]
    public void No_connection_string_asks_for_session_state_or_for_the_texts_of_failing_rows(string connectionString)
    {
        using var source = Database.Open(connectionString);
        var opened = new NpgsqlConnectionStringBuilder(source.ConnectionString);

        Assert.Equal(
            (true, 0, false, false, "embeddings"),
            (opened.NoResetOnClose, opened.MaxAutoPrepare, opened.Multiplexing, opened.IncludeErrorDetail, opened.ApplicationName));
    }

    [Fact]
    public void What_the_user_said_of_time_outs_and_name_counts()
    {
        using var source = Database.Open("Host=db;Port=6543;Database=shop;Username=ann;Password=s3cr;Timeout=3;Application Name=mine");
        var opened = new NpgsqlConnectionStringBuilder(source.ConnectionString);

        Assert.Equal((3, "mine"), (opened.Timeout, opened.ApplicationName));
        Assert.Equal("shop on db:6543", Database.Describe(source));
    }

    private static async Task<object?> Ask(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
