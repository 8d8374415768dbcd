using System.Diagnostics;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The SQL that a migration would run, for those who review it or run it themselves.</summary>
public sealed class MigrationPlanTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [PsqlTheory]
    [InlineData("none", "truncate")]
    [InlineData("content", "truncate")]
    [InlineData("none", "chunk")]
    public async Task Psql_can_run_it_and_a_migration_finds_nothing_left_to_do(string queue, string longText)
    {
        await using var notes = await Declarations.CreateNotes(_database, 3);
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = 16,
            trigger = true,
            similarityCache = true,
            jobsView = "embedding_jobs",
            pendingView = Declarations.View("notes_pending", "title"),
            tables = new[]
            {
                new
                {
                    kind = "note",
                    table = "notes",
                    text = "{title}",
                    queue,
                    longText,
                    textSearch = "english",
                    chunks = longText == "chunk" ? new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 } : null,
                }
            },
        });

        var script = await corpus.Get<Migrator>().Plan(corpus.Corpus, new MigrationOptions(), default);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_namespace WHERE nspname = 'embedding'"));
        await Psql(script);

        Assert.Equal("", await corpus.Get<Migrator>().Plan(corpus.Corpus, new MigrationOptions(), default));
        Assert.Equal(3, (await corpus.Run()).Counts.Embedded);
        await corpus.Migrate();
        Assert.Equal(0, (await corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task Of_a_changed_declaration_it_has_what_changes_and_nothing_else()
    {
        await using (var corpus = await Declarations.CreateNotes(_database, 3))
        {
            await corpus.MigrateAndRun();
        }

        await using var searched = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", textSearch = "english" }));
        var script = await searched.Get<Migrator>().Plan(searched.Corpus, new MigrationOptions(), default);

        Assert.Contains("CREATE INDEX CONCURRENTLY \"embedding_search_notes", script, StringComparison.Ordinal);
        Assert.DoesNotContain("hnsw", script, StringComparison.Ordinal);
        Assert.DoesNotContain("CREATE TABLE", script, StringComparison.Ordinal);
    }

    private async Task Psql(string script)
    {
        var server = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        var start = new ProcessStartInfo("psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment =
            {
                ["PGHOST"] = server.Host, ["PGPORT"] = server.Port.ToString(), ["PGUSER"] = server.Username,
                ["PGPASSWORD"] = server.Password, ["PGDATABASE"] = server.Database,
            },
        };
        using var psql = Process.Start(start)!;
        var output = psql.StandardOutput.ReadToEndAsync();
        var error = psql.StandardError.ReadToEndAsync();
        await psql.StandardInput.WriteAsync(script);
        psql.StandardInput.Close();
        await psql.WaitForExitAsync();
        Assert.True(psql.ExitCode == 0, $"{await output}{await error}");
    }

    private sealed class PsqlTheory : TheoryAttribute
    {
        public PsqlTheory()
        {
            var path = Environment.GetEnvironmentVariable("PATH") ?? "";
            Skip = path.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "psql")))
                ? null
                : "psql is not installed.";
        }
    }
}
