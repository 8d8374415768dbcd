using System.Diagnostics;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests.Upgrades;

/// <summary>
/// A database of version 1 of the engine's schema as a file, with items, runs, claims and requests in every state. To make it again, with a
/// <c>pg_dump</c> of the server's version on the PATH:
/// <c>MAKE_SCHEMA_DUMP=1 dotnet test tests/EmbeddingFunctions.Cli.Tests -c Release --filter OldDatabaseTests</c>
/// </summary>
internal static class OldDatabase
{
    /// <summary>The provider refuses texts with this word.</summary>
    private const string Poison = "poison";

    /// <summary>Items that a run leaves as they are: embedded, without text, given up and ignored.</summary>
    public static readonly int[] Settled = [1, 3, 4, 5];

    /// <summary>Items that a run embeds: edited, pending, and held by a process that is gone.</summary>
    public static readonly int[] Due = [2, 7, 8];

    public static readonly string File = Path.Combine(
        Repository.Root, "tests", "EmbeddingFunctions.Cli.Tests", "Upgrades", "version-1.sql");

    /// <summary>Its one corpus, with a run every second.</summary>
    public const string Corpora =
        """
        {"corpora": [{"name": "notes", "dimensions": 16, "store": "column", "schedule": "* * * * * *", "startsPerMinute": 10000, "tables": [
          {"kind": "note", "table": "notes", "text": "{title}", "queue": "content"}]}]}
        """;

    /// <summary>The dump in an empty database, its moments moved so that it was made just now.</summary>
    public static async Task Restore(TestDatabase database)
    {
        // The dump sets what psql's session would lose, a pool's does not.
        await database.Execute(await System.IO.File.ReadAllTextAsync(File) + "RESET ALL");
        await database.Execute(
            """
            DO $$
            DECLARE
                age interval := (SELECT now() - max(failed_at) FROM embedding.claims);
                moment record;
            BEGIN
                FOR moment IN
                    SELECT table_name, string_agg(format('%1$I = %1$I + %2$L', column_name, age), ', ') AS moved
                    FROM   information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
                    WHERE  table_schema = 'embedding' AND table_type = 'BASE TABLE' AND data_type = 'timestamp with time zone'
                    GROUP  BY table_name
                LOOP
                    EXECUTE format('UPDATE embedding.%I SET %s', moment.table_name, moment.moved);
                END LOOP;
            END $$
            """);
    }

    /// <summary>Brings an empty database to the state that the file has.</summary>
    public static async Task Fill(TestDatabase database, FakeOpenAi fake, TestEngine engine)
    {
        fake.Script(Requests.WithInput(IsPoison), Fault.BadInput());
        await database.Execute(
            $"""
            CREATE TABLE notes (id int PRIMARY KEY, title text);
            INSERT INTO notes VALUES (1, 'embedded'), (2, 'before the edit'), (3, NULL), (4, '{Poison}, given up'), (5, 'ignored');
            """);
        await engine.Get<Migrator>().Migrate(
            engine.Get<CorpusSet>().Get("notes"), new MigrationOptions(SampleTables: null), null, CancellationToken.None);
        var all = new RunRequest("notes", []);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await engine.Run(all);
            await database.Execute("UPDATE embedding.claims SET retry_at = now() WHERE retry_at IS NOT NULL");
        }

        await engine.Get<Erasure>().Forget("notes", "note", "5", default);
        await database.Execute($"INSERT INTO notes VALUES (6, '{Poison}, waiting')");
        await engine.Run(all);
        await database.Execute("UPDATE embedding.claims SET retry_at = now() + interval '50 minutes' WHERE item_id = '6'");
        var transitions = engine.Get<RunTransitions>();
        var (cancelled, working) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await transitions.Record(all, cancelled, RunHost.Server, dueAt: null, default);
        await transitions.Cancel(cancelled, default);
        await transitions.Close(cancelled, RunStatus.Cancelled, null, new BatchCounts(), default);
        await database.Execute("INSERT INTO notes VALUES (7, 'held')");
        await transitions.Record(all, working, RunHost.Server, dueAt: null, default);
        await transitions.Open(working, default);
        var corpus = await engine.Get<ResolvedCorpora>().Get("notes", default);
        var claim = await engine.Get<ClaimStore>()
            .Take(corpus, new EmbedBatch(working, Guid.NewGuid(), "notes", "note", "", 20, null), default);
        Assert.Equal("7", Assert.Single(claim.Items).Id);
        await transitions.RecordEvent(all with { Limit = 1_000 }, Guid.CreateVersion7(), RunHost.Server, "event-1", default);
        await transitions.RecordEvent(all with { Limit = 1_000 }, Guid.CreateVersion7(), RunHost.Server, "event-2", default);
        await database.Execute(
            """
            UPDATE embedding.claims SET leased_until = now() + interval '10 seconds' WHERE item_id = '7';
            INSERT INTO notes VALUES (8, 'pending');
            UPDATE notes SET title = 'after the edit' WHERE id = 2;
            INSERT INTO embedding_queue (table_name, record_id, content, embedding_column)
            VALUES ('notes', '99', 'no such row', 'embedding');
            """);
    }

    public static async Task Dump(TestDatabase database)
    {
        var server = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var start = new ProcessStartInfo(
            "pg_dump",
            [
                "--no-owner", "--no-privileges", "--no-comments", "--inserts", "--host", server.Host!, "--port", $"{server.Port}",
                "--username", server.Username!, database.Name,
            ])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["PGPASSWORD"] = server.Password;
        using var process = Process.Start(start)!;
        var dump = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        // Not what only psql or the newest server understands.
        var lines = dump.Split('\n').Where(line => line.Length > 0 && !line.StartsWith("--", StringComparison.Ordinal)
            && !line.StartsWith('\\') && !line.StartsWith("SET transaction_timeout", StringComparison.Ordinal));
        await System.IO.File.WriteAllTextAsync(File, string.Join('\n', lines) + "\n");
    }

    public static bool IsPoison(string text) => text.Contains(Poison, StringComparison.Ordinal);
}
