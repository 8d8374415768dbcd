using EmbeddingFunctions.Cli.Status;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The rows that other roles read and write, and rights that the engine's own role lacks.</summary>
public sealed class RowRightsTests : StrangerTest
{
    [Fact]
    public async Task Copies_of_texts_are_shown_to_no_role_that_may_not_see_the_rows()
    {
        await Target.Execute(
            $"""
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {Mallory};
            CREATE TABLE notes (id int PRIMARY KEY, tenant text, title text, edited_at timestamptz);
            ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON notes USING (tenant = 'B');
            INSERT INTO notes VALUES (1, 'A', 'secret of A'), (2, 'B', 'secret of B');
            """);
        await using var corpus = new DeclaredCorpus(Target.Source, new
        {
            name = "notes",
            dimensions = 16,
            tables = new[]
            {
                new
                {
                    kind = "note",
                    table = "notes",
                    text = "{title}",
                    queue = "content",
                    longText = "chunk",
                    chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 }
                }
            },
            pendingView = Declarations.View("notes_pending", "title"),
        });
        await corpus.Migrate();
        await using var source = OpenAsMallory();

        Assert.Equal("secret of B", await Seen(source, "SELECT string_agg(title, ';') FROM notes_pending"));
        Assert.Equal("secret of B", await Seen(source, "SELECT string_agg(title, ';') FROM notes"));
        await corpus.Run();
        foreach (var table in new[] { "note_chunks", "embedding_queue", "embedding.claims", "embedding.cache", "embedding.jobs" })
        {
            Assert.Equal(
                "42501", (await Assert.ThrowsAsync<PostgresException>(() => Seen(source, $"SELECT count(*)::text FROM {table}"))).SqlState);
        }

        // What the owner grants is of the rows that the role sees, whether policies came before the chunks or after.
        await Target.Execute($"GRANT ALL ON note_chunks TO {Mallory}");
        Assert.Equal("secret of B", await Seen(source, "SELECT string_agg(content, ';') FROM note_chunks"));
        await Target.Execute("DROP POLICY own ON notes; CREATE POLICY own ON notes USING (tenant = 'A')");
        Assert.Equal(
            "secret of A",
            await Seen(source, "WITH gone AS (DELETE FROM note_chunks RETURNING content) SELECT string_agg(content, ';') FROM gone"));
        Assert.Equal(1, await Target.Ask<long>("SELECT count(*) FROM note_chunks"));
    }

    [Fact]
    public async Task A_request_in_no_users_name_writes_no_other_users_text()
    {
        await Target.Execute(
            "CREATE TABLE memos (id int PRIMARY KEY, user_id uuid, title text); INSERT INTO memos VALUES (1, gen_random_uuid(), 'mine'), "
                + "(2, NULL, 'of no user')");
        await using var corpus = new DeclaredCorpus(
            Target.Source,
            new
            {
                name = "memos",
                dimensions = 16,
                tables = new[] { new { kind = "memo", table = "memos", text = "{title}", queue = "content" } }
            });
        await corpus.MigrateAndRun();

        await Target.Execute(
            """
            INSERT INTO embedding_queue (table_name, record_id, content, embedding_column)
            VALUES ('memos', '1', 'poison', 'embedding'), ('memos', '2', 'asked', 'embedding')
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content, user_id = NULL, status =
                'pending'
            """);
        await corpus.Run();

        Assert.Equal(["mine", "asked"], (await Target.Rows("SELECT embedding_content FROM memos ORDER BY id")).Select(row => row[0]));
    }

    [Theory]
    [InlineData("", "row security applies to this role on notes")]
    [InlineData("CREATE POLICY own ON notes USING (id > 1)", "row security applies to this role on notes")]
    [InlineData("CREATE POLICY own ON notes USING (true)", null)]
    [
        InlineData(
            "CREATE POLICY see ON notes FOR SELECT USING (true); CREATE POLICY edit ON notes FOR UPDATE USING (id > 1)",
            "row security applies to this role on notes")]
    public async Task Policies_that_hide_rows_from_the_engine_are_reported(string policies, string? told)
    {
        await using var owner = await Declarations.CreateNotes(Target, 3);
        await owner.Migrate();
        await Target.Execute(
            $"GRANT USAGE ON SCHEMA public, embedding TO {Mallory}; GRANT SELECT ON ALL TABLES IN SCHEMA embedding TO {Mallory}; GRANT "
                + $"ALL ON ALL TABLES IN SCHEMA public TO {Mallory}; ALTER TABLE notes "
                + $"ENABLE ROW LEVEL SECURITY; {policies}");
        await using var source = OpenAsMallory();
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        var finding = (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus notes");

        Assert.Equal(told is null, finding.IsWell);
        Assert.Contains(told ?? "", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D6_a_role_that_may_not_write_is_reported_what_to_grant()
    {
        await using var owner = await Declarations.CreateNotes(Target, 3);
        await owner.Migrate();
        await Target.Execute(
            $"GRANT USAGE ON SCHEMA public, embedding TO {Mallory}; GRANT SELECT ON ALL TABLES IN SCHEMA embedding TO {Mallory}; GRANT "
                + $"SELECT ON ALL TABLES IN SCHEMA public TO {Mallory}");
        await using var source = OpenAsMallory();
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        var finding = (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus notes");

        Assert.False(finding.IsWell);
        Assert.Contains("this role may not write notes: GRANT UPDATE (", finding.Message, StringComparison.Ordinal);
    }

    private static async Task<string?> Seen(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync() as string;
    }
}
