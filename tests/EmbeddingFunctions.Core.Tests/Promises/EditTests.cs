using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Promises;

/// <summary>What happens to rows while and after they are embedded.</summary>
public sealed class EditTests : EngineTest
{
    [Fact]
    public async Task B4_An_edit_during_the_call_is_never_marked_fresh_by_the_old_vector()
    {
        await Workspace.Items(Repository, 5);
        using var hold = Fake.Hold(Requests.Next(1));
        var run = Engine.Run();
        await hold.WaitForHeldAsync(1);
        await Database.Execute("UPDATE issues SET title = 'edited' WHERE title = 'item 3'");
        hold.Release();
        var outcome = await run;

        Assert.Equal((1, 5), (outcome.Counts.Changed, outcome.Counts.Embedded));
        await AssertTrue();
        Assert.NotNull(await Vector("edited"));
    }

    [Theory]
    [InlineData("DELETE FROM issues WHERE title = 'item 3'")]
    [InlineData("UPDATE issues SET repository_id = (SELECT id FROM repositories WHERE full_name = 'acme/outside') WHERE title = 'item 3'")]
    public async Task A_row_that_is_deleted_or_leaves_the_workspace_during_the_call_is_not_written(string change)
    {
        await Database.Execute("INSERT INTO repositories (full_name) VALUES ('acme/outside')");
        await Workspace.Items(Repository, 5);
        using var hold = Fake.Hold(Requests.Next(1));
        var run = Engine.Run();
        await hold.WaitForHeldAsync(1);
        await Database.Execute(change);
        hold.Release();
        var outcome = await run;

        Assert.Equal((1, 4), (outcome.Counts.Changed, outcome.Counts.Embedded));
        Assert.Null(await Vector("item 3"));
        await AssertTrue();
    }

    [Theory]
    [InlineData("now()")]
    [InlineData("clock_timestamp()")]
    public async Task F33_A_trigger_that_bumps_updated_at_causes_no_second_embedding(string clock)
    {
        await Database.Execute(
            $"""
            CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := {clock}; RETURN NEW; END $$;
            CREATE TRIGGER set_updated_at BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION bump();
            """);
        await Workspace.Items(Repository, 10);
        await Engine.Run();
        var requests = Fake.RequestCount;

        var second = await Engine.Run();

        Assert.Equal((0, 0), (second.ItemsTotal, Fake.RequestCount - requests));
        await AssertTrue();
    }

    [Fact]
    public async Task B3_A_touch_without_an_edit_costs_nothing_and_an_edit_costs_one_input()
    {
        await Workspace.Items(Repository, 10);
        await Engine.Run();
        await Database.Execute("UPDATE issues SET updated_at = now() + interval '1 second'");
        var touched = await Engine.Run();
        await Database.Execute("UPDATE issues SET body = 'edited' WHERE title = 'item 1'");
        var edited = await Engine.Run();

        Assert.Equal((10, 0, 0), (touched.Counts.Unchanged, touched.Counts.Embedded, touched.Counts.Requests));
        Assert.Equal((1, 1, 11L), (edited.ItemsTotal, edited.Counts.Embedded, Fake.PaidInputCount));
        await AssertTrue();
    }

    [Fact]
    public async Task An_edit_that_commits_late_with_an_early_time_is_embedded_all_the_same()
    {
        await Workspace.Items(Repository, 1);
        await using var writer = await Database.Source.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await using (var begin = new Npgsql.NpgsqlCommand("SELECT now()", writer))
        {
            await begin.ExecuteScalarAsync();
        }

        await Engine.Run();
        await using (var edit = new Npgsql.NpgsqlCommand("UPDATE issues SET title = 'late', updated_at = now()", writer))
        {
            await edit.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
        Assert.True(await Database.Ask<bool>("SELECT updated_at < embedding_generated_at FROM issues"), "By the clock it looks fresh.");
        await Engine.Run();
        await AssertTrue();
    }

    [Fact]
    public async Task F27_Nothing_to_embed_is_told_not_sent_and_clears_an_old_vector()
    {
        await Workspace.Item(Repository, "had text");
        await Engine.Run();
        await Database.Execute("UPDATE issues SET title = '  ', body = NULL");
        await Workspace.Item(Repository, "\t\n");
        var requests = Fake.RequestCount;

        var outcome = await Engine.Run();

        Assert.Equal((2, 0, 0), (outcome.Counts.Empty, outcome.Counts.Requests, Fake.RequestCount - requests));
        Assert.Equal((0L, 0L), (await Workspace.Embedded(), await Workspace.Pending()));
    }

    [Fact]
    public async Task F32_The_same_text_in_a_batch_is_paid_for_once()
    {
        for (var i = 0; i < 20; i++)
        {
            await Workspace.Item(Repository, "the same", "text");
        }

        var outcome = await Engine.Run();
        Assert.Equal((20, 1L), (outcome.Counts.Embedded, Fake.PaidInputCount));
        await AssertTrue();
    }

    [Fact]
    public async Task F28_Text_is_cut_on_a_characters_border()
    {
        // The label takes 8 of the 2,000 units, so the emoji's second half would be unit 2,001.
        await Workspace.Item(Repository, new string('a', 1_991) + "😀 tail");
        await Engine.Run();
        Assert.Equal("[ISSUE] " + new string('a', 1_991), Fake.PaidInputs.Keys.Single());
    }

    [Fact]
    public async Task F48_A_row_that_refuses_to_be_written_fails_alone_and_nothing_is_paid_again()
    {
        await Workspace.Items(Repository, 20);
        await Database.Execute("ALTER TABLE issues ADD CONSTRAINT picky CHECK (title <> 'item 7' OR embedding IS NULL)");
        var outcome = await Engine.Run();
        Assert.Equal((19, 1, 20L), (outcome.Counts.Embedded, outcome.Counts.Failed, Fake.PaidInputCount));
        Assert.Contains("picky", await Database.Ask<string>("SELECT reason FROM embedding_failures"), StringComparison.Ordinal);
        await AssertTrue(pending: 1);
    }

    [Fact]
    public async Task F46_No_connection_is_held_while_the_provider_is_called()
    {
        await Workspace.Items(Repository, 40);
        using var hold = Fake.Hold();
        var run = Engine.Run();
        await hold.WaitForHeldAsync(1);
        // The plan of the next page may be under way for a moment; a connection held by the batch would stay busy for as long as the call.
        const string Busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        var patience = Stopwatch.StartNew();
        while (await Database.Ask<long>(Busy) > 0)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(5), "A connection is held during the call.");
        }

        hold.Release();
        await run;
        await AssertTrue();
    }

    [Fact]
    public async Task Every_vector_is_in_the_similarity_cache_as_well()
    {
        await Workspace.Items(Repository, 25);
        await Engine.Run();
        Assert.Equal(25, await Database.Ask<long>(
            """
            SELECT count(*) FROM similarity_cache s JOIN issues i ON i.id::text = s.item_id AND i.repository_id = s.repository_id
            WHERE s.item_type = 'issue' AND s.embedding = i.embedding AND s.content_hash = i.content_hash AND s.ttl_hours = 168
            """));
    }
}
