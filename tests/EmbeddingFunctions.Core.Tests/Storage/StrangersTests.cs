using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What other roles of a database can have the engine do, or read of it.</summary>
public sealed class StrangersTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private string _mallory = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _mallory = $"mallory_{_database.Name}";
        await _database.Execute($"CREATE ROLE {_mallory} LOGIN");
    }

    public async Task DisposeAsync()
    {
        await _database.Execute($"DROP OWNED BY {_mallory} CASCADE; DROP ROLE {_mallory}");
        await _database.DisposeAsync();
    }

    // As in each database that was made before Postgres 15.
    [Theory]
    [InlineData("varchar", "row")]
    [InlineData("varchar", "content")]
    [InlineData("mood", "row")]
    public async Task An_operator_of_a_strangers_is_called_by_no_trigger(string type, string queue)
    {
        await _database.Execute(
            $"""
            CREATE TYPE mood AS ENUM ('open', 'closed');
            CREATE TABLE tickets (id int PRIMARY KEY, title text, state {type});
            GRANT INSERT, UPDATE, SELECT ON tickets TO {_mallory};
            """);
        await using var corpus = Tickets(queue);
        await corpus.Migrate();
        await _database.Execute($"GRANT CREATE ON SCHEMA public TO {_mallory}");

        await Attack(type, $"INSERT INTO tickets VALUES (1, 'one', 'open'); UPDATE tickets SET title = 'two'");

        Assert.False(await _database.Ask<bool>("SELECT rolsuper FROM pg_roles WHERE rolname = $1", _mallory));
    }

    [Theory]
    [InlineData("varchar")]
    [InlineData("mood")]
    public async Task An_operator_of_a_strangers_is_called_by_no_run(string type)
    {
        await _database.Execute(
            $"""
            CREATE TYPE mood AS ENUM ('open', 'closed');
            CREATE TABLE teams (name {type} PRIMARY KEY, state {type});
            CREATE TABLE tickets (id varchar PRIMARY KEY, team {type}, title text, state {type});
            INSERT INTO teams VALUES ('open', 'open');
            INSERT INTO tickets VALUES ('1', 'open', 'one', 'open');
            """);
        var filter = new[] { new { column = "state", equalTo = "open" } };
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "tickets",
            dimensions = 16,
            partitions = new { table = "teams", column = "name", filter },
            tables = new[] { new { kind = "ticket", table = "tickets", partition = "team", text = "{title}", filter } },
        });
        await corpus.Migrate();
        // A process that has looked at the database just now.
        await corpus.Get<ResolvedCorpora>().Get("tickets", default);
        await _database.Execute($"GRANT CREATE ON SCHEMA public TO {_mallory}");
        await Attack(type, "SELECT 1");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        await corpus.Get<StatusReport>().Of("tickets", default);

        Assert.False(await _database.Ask<bool>("SELECT rolsuper FROM pg_roles WHERE rolname = $1", _mallory));
    }

    [Theory]
    [
        InlineData(
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "everybody may create objects there; run REVOKE CREATE ON SCHEMA public FROM PUBLIC")]
    [InlineData("GRANT CREATE ON SCHEMA public TO {0}", "{0} may create objects there; run REVOKE CREATE ON SCHEMA public FROM {0}")]
    [
        InlineData(
            "CREATE FUNCTION length(varchar) RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION length(varchar) OWNER TO {0}",
            "{0} owns the function length there")]
    public async Task A_searched_schema_where_a_stranger_may_create_is_refused(string grant, string told)
    {
        await _database.Execute("CREATE TABLE tickets (id int PRIMARY KEY, title text, state varchar)");
        await using var corpus = Tickets("none");
        await corpus.Migrate();
        await _database.Execute(string.Format(null, grant, _mallory));

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());
        var finding = (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus tickets");
        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Run());

        Assert.Contains(string.Format(null, told, _mallory), error.Message, StringComparison.Ordinal);
        Assert.Contains(string.Format(null, told, _mallory), refused.Message, StringComparison.Ordinal);
        Assert.Contains(string.Format(null, told, _mallory), finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_function_that_a_migration_makes_looks_names_up_in_pg_catalog_alone()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await corpus.Migrate(withSampleTables: true);
        await _database.Execute("CREATE TABLE tickets (id int PRIMARY KEY, title text, state varchar)");
        await using var queued = Tickets("content");
        await queued.Migrate();

        Assert.Empty(await _database.Rows(
            """
            SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE  p.pronamespace IN ('public'::regnamespace, 'embedding'::regnamespace) AND NOT EXISTS (SELECT FROM pg_depend d WHERE
                d.objid = p.oid AND d.deptype =
                'e')
            AND    ('search_path=pg_catalog, pg_temp' = ANY (p.proconfig)) IS NOT TRUE
            """));
        Assert.Equal(
            0,
            await _database.Ask<long>(
                "SELECT count(*) FROM pg_proc WHERE prosecdef AND has_function_privilege('public', oid, 'EXECUTE') AND pronamespace IN "
                    + "('public'::regnamespace, 'embedding'::regnamespace)"));
    }

    [Theory]
    [InlineData("extensions")]
    [InlineData("Other one")]
    public async Task The_extension_may_be_in_a_schema_that_is_not_searched(string schema)
    {
        await _database.Execute($"CREATE SCHEMA \"{schema}\"; CREATE EXTENSION vector SCHEMA \"{schema}\"");
        await using var corpus = await Declarations.CreateNotes(_database, 3);

        Assert.Equal(3, (await corpus.MigrateAndRun()).Counts.Embedded);
        await corpus.Migrate();
    }

    [Fact]
    public async Task Copies_of_texts_are_shown_to_no_role_that_may_not_see_the_rows()
    {
        await _database.Execute(
            $"""
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {_mallory};
            CREATE TABLE notes (id int PRIMARY KEY, tenant text, title text, edited_at timestamptz);
            ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON notes USING (tenant = 'B');
            INSERT INTO notes VALUES (1, 'A', 'secret of A'), (2, 'B', 'secret of B');
            """);
        await using var corpus = new DeclaredCorpus(_database.Source, new
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
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _mallory, Pooling = false }.ConnectionString);

        Assert.Equal("secret of B", await Seen(source, "SELECT string_agg(title, ';') FROM notes_pending"));
        Assert.Equal("secret of B", await Seen(source, "SELECT string_agg(title, ';') FROM notes"));
        await corpus.Run();
        foreach (var table in new[] { "note_chunks", "embedding_queue", "embedding.claims", "embedding.cache", "embedding.jobs" })
        {
            Assert.Equal(
                "42501", (await Assert.ThrowsAsync<PostgresException>(() => Seen(source, $"SELECT count(*)::text FROM {table}"))).SqlState);
        }

        // What the owner grants is of the rows that the role sees, whether policies came before the chunks or after.
        await _database.Execute($"GRANT ALL ON note_chunks TO {_mallory}");
        Assert.Equal("secret of B", await Seen(source, "SELECT string_agg(content, ';') FROM note_chunks"));
        await _database.Execute("DROP POLICY own ON notes; CREATE POLICY own ON notes USING (tenant = 'A')");
        Assert.Equal(
            "secret of A",
            await Seen(source, "WITH gone AS (DELETE FROM note_chunks RETURNING content) SELECT string_agg(content, ';') FROM gone"));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM note_chunks"));
    }

    [Fact]
    public async Task A_request_in_no_users_name_writes_no_other_users_text()
    {
        await _database.Execute(
            "CREATE TABLE memos (id int PRIMARY KEY, user_id uuid, title text); INSERT INTO memos VALUES (1, gen_random_uuid(), 'mine'), "
                + "(2, NULL, 'of no user')");
        await using var corpus = new DeclaredCorpus(
            _database.Source,
            new
            {
                name = "memos",
                dimensions = 16,
                tables = new[] { new { kind = "memo", table = "memos", text = "{title}", queue = "content" } }
            });
        await corpus.MigrateAndRun();

        await _database.Execute(
            """
            INSERT INTO embedding_queue (table_name, record_id, content, embedding_column)
            VALUES ('memos', '1', 'poison', 'embedding'), ('memos', '2', 'asked', 'embedding')
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content, user_id = NULL, status =
                'pending'
            """);
        await corpus.Run();

        Assert.Equal(["mine", "asked"], (await _database.Rows("SELECT embedding_content FROM memos ORDER BY id")).Select(row => row[0]));
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
        await using var owner = await Declarations.CreateNotes(_database, 3);
        await owner.Migrate();
        await _database.Execute(
            $"GRANT USAGE ON SCHEMA public, embedding TO {_mallory}; GRANT SELECT ON ALL TABLES IN SCHEMA embedding TO {_mallory}; GRANT "
                + $"ALL ON ALL TABLES IN SCHEMA public TO {_mallory}; ALTER TABLE notes "
                + $"ENABLE ROW LEVEL SECURITY; {policies}");
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _mallory, Pooling = false }.ConnectionString);
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        var finding = (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus notes");

        Assert.Equal(told is null, finding.IsWell);
        Assert.Contains(told ?? "", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D6_a_role_that_may_not_write_is_reported_what_to_grant()
    {
        await using var owner = await Declarations.CreateNotes(_database, 3);
        await owner.Migrate();
        await _database.Execute(
            $"GRANT USAGE ON SCHEMA public, embedding TO {_mallory}; GRANT SELECT ON ALL TABLES IN SCHEMA embedding TO {_mallory}; GRANT "
                + $"SELECT ON ALL TABLES IN SCHEMA public TO {_mallory}");
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _mallory, Pooling = false }.ConnectionString);
        await using var corpus = new DeclaredCorpus(source, Declarations.Notes());

        var finding = (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus notes");

        Assert.False(finding.IsWell);
        Assert.Contains("this role may not write notes: GRANT UPDATE (", finding.Message, StringComparison.Ordinal);
    }

    private DeclaredCorpus Tickets(string queue) => new(_database.Source, new
    {
        name = "tickets",
        dimensions = 16,
        tables = new[]
        {
            new
            {
                kind = "ticket",
                table = "tickets",
                text = "{title}",
                queue,
                filter = new[] { new { column = "state", equalTo = "open" } }
            }
        },
    });

    // An operator that no other fits better, of a function that makes its caller's rights the stranger's.
    private async Task Attack(string type, string then)
    {
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _mallory, Pooling = false }.ConnectionString);
        var attack = string.Join(
            ';',
            new[] { (type, type), (type, "text"), ("varchar", "varchar"), ("varchar", "text") }.Distinct()
                .Where(pair => pair.Item1 != pair.Item2 || pair.Item1 != "text").Select((pair, i) =>
            $"""
            CREATE FUNCTION evil_{i}({pair.Item1}, {pair.Item2}) RETURNS boolean LANGUAGE plpgsql AS
                'BEGIN EXECUTE ''ALTER ROLE {_mallory} SUPERUSER''; RETURN $1::text OPERATOR(pg_catalog.=) $2::text;
                EXCEPTION WHEN OTHERS THEN RETURN $1::text OPERATOR(pg_catalog.=) $2::text; END';
            CREATE OPERATOR public.= (LEFTARG = {pair.Item1}, RIGHTARG = {pair.Item2}, FUNCTION = evil_{i})
            """));
        await Run(source, attack);
        await Run(source, then);
    }

    private static async Task Run(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string?> Seen(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync() as string;
    }
}
