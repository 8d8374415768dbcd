using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What other roles of a database can have the engine do.</summary>
public sealed class StrangersTests : StrangerTest
{
    // As in each database that was made before Postgres 15.
    [Theory]
    [InlineData("varchar", "row")]
    [InlineData("varchar", "content")]
    [InlineData("mood", "row")]
    public async Task An_operator_of_a_strangers_is_called_by_no_trigger(string type, string queue)
    {
        await Target.Execute(
            $"""
            CREATE TYPE mood AS ENUM ('open', 'closed');
            CREATE TABLE tickets (id int PRIMARY KEY, title text, state {type});
            GRANT INSERT, UPDATE, SELECT ON tickets TO {Mallory};
            """);
        await using var corpus = Tickets(queue);
        await corpus.Migrate();
        await Target.Execute($"GRANT CREATE ON SCHEMA public TO {Mallory}");

        await Attack(type, $"INSERT INTO tickets VALUES (1, 'one', 'open'); UPDATE tickets SET title = 'two'");

        Assert.False(await Target.Ask<bool>("SELECT rolsuper FROM pg_roles WHERE rolname = $1", Mallory));
    }

    [Theory]
    [InlineData("varchar")]
    [InlineData("mood")]
    public async Task An_operator_of_a_strangers_is_called_by_no_run(string type)
    {
        await Target.Execute(
            $"""
            CREATE TYPE mood AS ENUM ('open', 'closed');
            CREATE TABLE teams (name {type} PRIMARY KEY, state {type});
            CREATE TABLE tickets (id varchar PRIMARY KEY, team {type}, title text, state {type});
            INSERT INTO teams VALUES ('open', 'open');
            INSERT INTO tickets VALUES ('1', 'open', 'one', 'open');
            """);
        var filter = new[] { new { column = "state", equalTo = "open" } };
        await using var corpus = new DeclaredCorpus(Target.Source, new
        {
            name = "tickets",
            dimensions = 16,
            partitions = new { table = "teams", column = "name", filter },
            tables = new[] { new { kind = "ticket", table = "tickets", partition = "team", text = "{title}", filter } },
        });
        await corpus.Migrate();
        // A process that has looked at the database just now.
        await corpus.Get<ResolvedCorpora>().Get("tickets", default);
        await Target.Execute($"GRANT CREATE ON SCHEMA public TO {Mallory}");
        await Attack(type, "SELECT 1");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        await corpus.Get<StatusReport>().Of("tickets", default);

        Assert.False(await Target.Ask<bool>("SELECT rolsuper FROM pg_roles WHERE rolname = $1", Mallory));
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
        await Target.Execute("CREATE TABLE tickets (id int PRIMARY KEY, title text, state varchar)");
        await using var corpus = Tickets("none");
        await corpus.Migrate();
        await Target.Execute(string.Format(null, grant, Mallory));

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());
        var finding = (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus tickets");
        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Run());

        Assert.Contains(string.Format(null, told, Mallory), error.Message, StringComparison.Ordinal);
        Assert.Contains(string.Format(null, told, Mallory), refused.Message, StringComparison.Ordinal);
        Assert.Contains(string.Format(null, told, Mallory), finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_function_that_a_migration_makes_looks_names_up_in_pg_catalog_alone()
    {
        await using var corpus = new DeclaredCorpus(Target.Source, Declarations.Workspace());
        await corpus.Migrate(withSampleTables: true);
        await Target.Execute("CREATE TABLE tickets (id int PRIMARY KEY, title text, state varchar)");
        await using var queued = Tickets("content");
        await queued.Migrate();

        Assert.Empty(await Target.Rows(
            """
            SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE  p.pronamespace IN ('public'::regnamespace, 'embedding'::regnamespace) AND NOT EXISTS (SELECT FROM pg_depend d WHERE
                d.objid = p.oid AND d.deptype =
                'e')
            AND    ('search_path=pg_catalog, pg_temp' = ANY (p.proconfig)) IS NOT TRUE
            -- These write each name with its schema: they are called for each row, or inlined.
            AND    p.proname !~ '^(sees|search_of)_'
            """));
        // These two are called by every search: they read the words of written rows, and tell no more than whether any are left.
        Assert.Empty(await Target.Rows(
            """
            SELECT oid::regprocedure::text FROM pg_proc
            WHERE  prosecdef AND has_function_privilege('public', oid, 'EXECUTE')
            AND    pronamespace IN ('public'::regnamespace, 'embedding'::regnamespace) AND proname !~ '^(settle_words|words_are_behind)_'
            """));
    }

    [Theory]
    [InlineData("extensions")]
    [InlineData("Other one")]
    public async Task The_extension_may_be_in_a_schema_that_is_not_searched(string schema)
    {
        await Target.Execute($"CREATE SCHEMA \"{schema}\"; CREATE EXTENSION vector SCHEMA \"{schema}\"");
        await using var corpus = await Declarations.CreateNotes(Target, 3);

        Assert.Equal(3, (await corpus.MigrateAndRun()).Counts.Embedded);
        await corpus.Migrate();
    }

    private DeclaredCorpus Tickets(string queue) => new(Target.Source, new
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
        await using var source = OpenAsMallory();
        var attack = string.Join(
            ';',
            new[] { (type, type), (type, "text"), ("varchar", "varchar"), ("varchar", "text") }.Distinct()
                .Where(pair => pair.Item1 != pair.Item2 || pair.Item1 != "text").Select((pair, i) =>
            $"""
            CREATE FUNCTION evil_{i}({pair.Item1}, {pair.Item2}) RETURNS boolean LANGUAGE plpgsql AS
                'BEGIN EXECUTE ''ALTER ROLE {Mallory} SUPERUSER''; RETURN $1::text OPERATOR(pg_catalog.=) $2::text;
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
}
