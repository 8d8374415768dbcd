using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>What a migration makes of a queue that is there, and takes away again.</summary>
public sealed class QueueDdlTests : QueueTest
{
    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Engine.Get<CorpusRemoval>().Remove("sessions", null, default);
        await Engine.Get<CorpusRemoval>().Remove("summaries", null, default);
    }

    [Fact]
    public async Task Taken_down_nothing_is_left_at_the_tables_and_the_queue_keeps_its_rows()
    {
        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, status) VALUES ('sessions', 'x', 'words', "
                + "'title_embedding', 'completed')");
        await Session("After");

        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding_queue"));
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('sessions'::regclass, 'summaries'::regclass, "
                    + "'embedding.claims'::regclass)"));
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'sessions'::regclass AND attname LIKE '%embedding%' AND NOT "
                    + "attisdropped"));
        Assert.Null(
            await Database.Ask<string>(
                "SELECT string_agg(proname, ' ') FROM pg_proc WHERE proname LIKE 'embedding\\_queue%' OR proname LIKE "
                    + "'embedding\\_text%'"));
    }

    [Fact]
    public async Task What_is_there_is_queued_and_may_be_migrated_again()
    {
        var id = await Session("There before");
        await Session(" ");

        await Migrate("sessions");
        await Migrate("sessions");

        Assert.Equal(("pending", 1L), (await Row(id), await Database.Ask<long>("SELECT count(*) FROM embedding_queue")));
        Assert.Equal(1, (await Drain()).Counts.Embedded);
        await Migrate("sessions");
        Assert.Equal(("completed", 0), (await Row(id), (await Drain()).ItemsTotal));
    }

    [Fact]
    public async Task M5_a_migration_with_a_queue_locks_a_thousand_rows_at_a_time()
    {
        await Database.Execute(
            """
            INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 3500) n;
            CREATE TABLE seen (work text, transaction text);
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO public.seen VALUES (TG_TABLE_NAME, pg_current_xact_id()::text); RETURN NULL; END';
            CREATE TRIGGER see AFTER UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION see();
            CREATE TRIGGER see AFTER INSERT ON embedding_queue FOR EACH ROW EXECUTE FUNCTION see();
            """);

        await Migrate("sessions");

        Assert.Equal(
            [["embedding_queue", 3500L, 4L, 1000L], ["sessions", 3500L, 4L, 1000L]],
            await Database.Rows(
                """
                SELECT work, sum(rows)::bigint, count(*), max(rows)
                FROM  (SELECT work, count(*) AS rows FROM seen GROUP BY work, transaction) transactions
                GROUP  BY work ORDER BY work
                """));
    }

    [Fact]
    public async Task A_queue_of_an_older_system_is_taken_over_with_its_rows()
    {
        await Database.Execute(
            """
            DROP TABLE embedding_queue;
            CREATE TABLE embedding_queue (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(), table_name text NOT NULL, record_id uuid NOT NULL, content text NOT NULL,
                    embedding_column text NOT NULL,
                user_id uuid, status text DEFAULT 'pending', error_message text, created_at timestamp DEFAULT now(), processed_at timestamp,
                UNIQUE (table_name, record_id, embedding_column));
            """);
        var (waiting, stuck) = (await Session("Waiting"), await Session("Stuck"));
        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, status) VALUES ('sessions', $1, 'As it was "
                + "queued', 'title_embedding', 'pending'), ('sessions', $2, 'Stuck', 'title_embedding', 'processing')",
            waiting, stuck);

        await Migrate("sessions");
        Assert.Equal(2, (await Drain()).Counts.Embedded);

        Assert.Equal(
            2, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'completed' AND processed_at IS NOT NULL"));
        Assert.Equal(["As it was queued", "Stuck"], Fake.PaidInputs.Keys.Order());
        Assert.Equal(new AskedRows(2), await Engine.Get<QueueRows>().Requeue("sessions", [], default));
        await Database.Execute("UPDATE embedding_queue SET status = 'failed' WHERE record_id = $1", stuck);
        Assert.Equal(new AskedRows(1), await Engine.Get<QueueRows>().Retry("sessions", [("session", stuck.ToString())], null, default));
    }

    [Fact]
    public async Task A_column_that_was_asked_for_before_it_was_declared_is_embedded_once_it_is()
    {
        var id = await Session("Early");
        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column) VALUES ('sessions', $1, 'Early', "
                + "'title_embedding')",
            id.ToString());
        Assert.Equal("failed: no declared corpus embeds sessions.title_embedding: nothing is written there", await Row(id));

        await Migrate("sessions");
        await Drain();

        Assert.Equal("completed", await Row(id));
    }

    [Fact]
    public async Task With_the_rows_own_text_the_content_only_tells_it()
    {
        await using var declared = new DeclaredCorpus(Database.Source, Sessions("row"));
        await declared.Migrate();
        var id = await Session("The row's own");

        await Database.Execute("UPDATE embedding_queue SET content = 'something else'");
        await declared.Run();

        Assert.Equal("completed", await Row(id));
        await Session("The row's own");
        await declared.Run();
        Assert.Equal(1, await Database.Ask<long>("SELECT count(DISTINCT content_hash) FROM sessions WHERE title_embedding IS NOT NULL"));
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'sessions'::regclass AND attname = 'embedding_content' AND NOT "
                    + "attisdropped"));
    }

    [Fact]
    public async Task Without_a_queue_in_the_declaration_any_more_nothing_is_queued()
    {
        await Migrate("sessions");
        await using var declared = new DeclaredCorpus(Database.Source, Sessions("none"));
        await declared.Migrate();

        var id = await Session("Unqueued");
        await declared.Run();

        Assert.Equal(("no row", true), (await Row(id), await HasVector(id)));
    }

    [Fact]
    public async Task The_database_makes_the_same_text_of_a_row_as_the_engine()
    {
        await Migrate("summaries");
        var template = TextTemplate.Parse(Engine.Get<CorpusSet>().Get("summaries").Tables[0].Text);
        foreach (
            var values in new string?[][]
            {
                ["a", "b", "c d", "e"],
                [null, "b", null, null],
                ["", " ", "c", ""],
                ["a", null, null, "e"],
                [null, null, null, null],
                [" ", "\t", " ", ""],
                ["{a}", "'quoted'", "%", "\\"]
            })
        {
            var made = await Database.Ask<string>(
                "INSERT INTO summaries (title, tldr, key_decisions, action_items) VALUES ($1, $2, string_to_array($3, ' '), "
                    + "string_to_array($4, ' ')) RETURNING embedding_content",
                values.Select(value => (object?)value).ToArray());
            Assert.Equal(template.Render(values), made);
        }
    }

    private static object Sessions(string queue) => new
    {
        name = "sessions",
        dimensions = 1536,
        startsPerMinute = 1_000,
        tables = new[] { new { kind = "session", table = "sessions", vector = "title_embedding", text = "{title}", queue } },
    };
}
