using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>What happens to a row while its text is at the provider's.</summary>
public sealed class EditTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task An_edit_during_the_call_stays_pending()
    {
        var id = await Workspace.Item(Repository, "before");
        await Workspace.Item(Repository, "other");

        var batch = await DuringTheCall(() => Edit(id, "after"));

        Assert.Equal((1, 1), (batch.Counts.Embedded, batch.Counts.Changed));
        Assert.Equal((1, 1), (await Workspace.Embedded(), await Workspace.Pending()));
        await EmbedTheRest();
    }

    [Fact]
    public async Task An_edit_during_the_call_is_seen_even_if_it_looks_older()
    {
        var id = await Workspace.Item(Repository, "before");

        await DuringTheCall(() => Database.Execute("UPDATE issues SET title = 'after', updated_at = '2001-01-01' WHERE id = $1", id));

        Assert.Equal(1, await Workspace.Pending());
        await EmbedTheRest();
    }

    [Fact]
    public async Task An_edit_of_an_embedded_row_during_the_call_leaves_its_old_vector_pending()
    {
        var id = await Workspace.Item(Repository, "first");
        await Embed();
        await Edit(id, "second");

        var batch = await DuringTheCall(() => Edit(id, "third"));

        Assert.Equal((0, 1, 1), (batch.Counts.Embedded, batch.Counts.Changed, await Workspace.Pending()));
        await EmbedTheRest();
    }

    [Fact]
    public async Task A_touch_during_the_call_does_not_waste_the_vector()
    {
        var id = await Workspace.Item(Repository, "text");

        var batch = await DuringTheCall(() => Database.Execute("UPDATE issues SET number = 7, updated_at = now() WHERE id = $1", id));

        Assert.Equal((1, 0), (batch.Counts.Embedded, await Workspace.Pending()));
        Assert.Equal(1, Fake.RequestCount);
    }

    [Fact]
    public async Task A_row_deleted_during_the_call_is_not_brought_back_without_an_error()
    {
        var id = await Workspace.Item(Repository, "one");
        await Workspace.Item(Repository, "other");

        var batch = await DuringTheCall(() => Database.Execute("DELETE FROM issues WHERE id = $1", id));

        Assert.Equal((1, 1, 0), (batch.Counts.Embedded, batch.Counts.Changed, batch.Counts.Failed));
        Assert.Equal((1, 1), (await Count("issues"), await Count("similarity_cache")));
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_row_moved_to_another_repository_during_the_call_gets_nothing_from_it()
    {
        var elsewhere = await Workspace.Repository("acme/asleep", isActive: false);
        var id = await Workspace.Item(Repository, "one");

        var batch = await DuringTheCall(() => Database.Execute("UPDATE issues SET repository_id = $2 WHERE id = $1", id, elsewhere));

        Assert.Equal((0, 1), (batch.Counts.Embedded, batch.Counts.Changed));
        Assert.Equal((0, 0), (await Workspace.Embedded(), await Count("similarity_cache")));
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_repository_put_to_sleep_during_the_call_gets_no_vector()
    {
        await Workspace.Items(Repository, 3);

        var batch = await DuringTheCall(() => Database.Execute("UPDATE workspaces SET is_active = false"));

        Assert.Equal((0, 3), (batch.Counts.Embedded, batch.Counts.Changed));
        Assert.Equal((0, 0), (await Workspace.Embedded(), await Count("similarity_cache")));
        await AssertNoneCharged();
    }

    [Fact]
    public async Task An_edit_during_a_refusal_is_not_charged_for_the_old_text()
    {
        var id = await Workspace.Item(Repository, "poison");
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            var batch = await DuringTheCall(() => Edit(id, "harmless"));
            Assert.Equal((0, 1), (batch.Counts.Failed, batch.Counts.Changed));
        }

        await AssertNoneCharged();
        await EmbedTheRest();
    }

    [Theory]
    [InlineData("now()")]
    [InlineData("clock_timestamp()")]
    public async Task A_trigger_that_bumps_the_change_date_causes_no_second_embedding(string clock)
    {
        await Workspace.Items(Repository, 3);
        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := {clock}; RETURN NEW; END';
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION bump();
            """);
        await Embed();
        Assert.Equal(0, await Workspace.Pending());

        var batch = await Embed();

        Assert.Equal((0, 1, 3), (batch.Counts.Claimed, Fake.RequestCount, Fake.PaidInputCount));
        Assert.True(await Database.Ask<bool>("SELECT bool_and(updated_at > now() - interval '1 minute') FROM issues"));
    }

    [Fact]
    public async Task A_touch_under_such_a_trigger_is_marked_fresh_for_good()
    {
        await Workspace.Items(Repository, 3);
        await Embed();
        await Database.Execute(
            $"""
            CREATE OR REPLACE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END';
            CREATE TRIGGER {BatchDatabase.Obstacle} BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION bump();
            UPDATE issues SET number = 1;
            """);

        Assert.Equal(3, (await Embed()).Counts.Unchanged);

        Assert.Equal(0, await Workspace.Pending());
        Assert.Equal(1, Fake.RequestCount);
    }

    [Fact]
    public async Task An_edit_that_commits_late_and_looks_older_than_the_vector_is_embedded()
    {
        var id = await Workspace.Item(Repository, "before", "body");
        await using var writer = await Database.Source.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await using (var stamp = writer.CreateCommand())
        {
            // The transaction's clock stands still from here.
            stamp.CommandText = "SELECT now()";
            await stamp.ExecuteScalarAsync();
        }

        await Embed();
        await using (var edit = writer.CreateCommand())
        {
            edit.CommandText = "UPDATE issues SET title = 'after', updated_at = now()";
            await edit.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
        Assert.True(await Database.Ask<bool>("SELECT embedding_generated_at > updated_at FROM issues WHERE id = $1", id));

        Assert.Equal(1, await Workspace.Pending());
        await EmbedTheRest();
    }

    [Fact]
    public async Task An_edit_that_commits_while_the_vector_waits_to_be_written_wins()
    {
        await Workspace.Item(Repository, "before", "body");
        await using var writer = await Database.Source.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        using var hold = Fake.Hold();
        var embedding = Embed();
        await Fake.WaitForRequestsAsync(1);
        await using (var edit = writer.CreateCommand())
        {
            edit.CommandText = "UPDATE issues SET title = 'after'";
            await edit.ExecuteNonQueryAsync();
        }

        hold.Release();
        while (
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0)
        {
        }

        await transaction.CommitAsync();

        var batch = await embedding;
        Assert.Equal((0, 1), (batch.Counts.Embedded, batch.Counts.Changed));
        Assert.Equal(1, await Workspace.Pending());
        await EmbedTheRest();
    }

    private async Task EmbedTheRest()
    {
        await Embed();
        Assert.Equal(0, await Workspace.Pending());
        await AssertNothingStale();
        await AssertNoneCharged();
    }
}
