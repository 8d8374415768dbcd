using EmbeddingFunctions.Adoption;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Adoption;

/// <summary>No row counts as current with the vector of a text that it had before an edit.</summary>
public sealed class AdoptionFenceTests : AdoptionTest
{
    [Theory]
    [InlineData("table", 1)]
    [InlineData("table", 2)]
    [InlineData("column", 1)]
    [InlineData("column", 2)]
    public async Task An_edit_after_the_text_was_read_leaves_the_row_pending(string store, int reading)
    {
        await AddNotes(10);
        await EditWhileVectorsAreRead(reading);
        await Migrate(store, Notes());

        var plan = await Examine(Request("sneaky.old"));
        var adopted = await Engine.Get<Adopter>().Adopt(plan, null, CancellationToken.None);

        Assert.Equal((9, 1), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.WrittenSince)));
        Assert.Equal("edited", await Database.Ask<string>("SELECT title FROM notes WHERE id = 7"));
        Assert.Equal(1, await Embedded());
        Assert.Equal(1, Fake.PaidInputs["edited"]);
    }

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task An_edit_between_the_looking_and_the_writing_leaves_the_row_pending(string store)
    {
        await AddNotes(10);
        await Migrate(store, Notes());
        var plan = await Examine();

        await Database.Execute(
            "UPDATE notes SET title = 'edited' WHERE id = 7; INSERT INTO notes SELECT 11, 'new', 0, old FROM notes WHERE id = 1");
        var adopted = await Engine.Get<Adopter>().Adopt(plan, null, CancellationToken.None);

        Assert.Equal((9, 2), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.WrittenSince)));
        Assert.Equal(2, await Embedded());
    }

    [Theory]
    [InlineData("table", "")]
    [InlineData("table", "SAVEPOINT s; INSERT INTO other VALUES (1);")]
    [InlineData("column", "")]
    [InlineData("column", "SAVEPOINT s; INSERT INTO other VALUES (1);")]
    public async Task An_edit_that_is_in_flight_as_the_adoption_begins_leaves_the_row_pending(string store, string before)
    {
        await AddNotes(10);
        await Database.Execute("CREATE TABLE other (n int)");
        await Migrate(store, Notes());
        await using var connection = await Database.Source.OpenConnectionAsync();
        await using var edit = await connection.BeginTransactionAsync();
        await Execute(connection, $"{before} UPDATE notes SET title = 'edited' WHERE id = 7; INSERT INTO notes VALUES (11, 'new')");
        // A snapshot reaches as far as the last transaction that has ended.
        await Database.Execute("INSERT INTO other VALUES (2)");

        var plan = await Examine();
        await Execute(connection, "UPDATE notes SET title = 'edited' WHERE id = 8");
        await edit.CommitAsync();
        var adopted = await Engine.Get<Adopter>().Adopt(plan, null, CancellationToken.None);

        Assert.Equal((8, 3), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.WrittenSince)));
        Assert.Equal(3, await Embedded());
        Assert.Equal((1, 1), (Fake.PaidInputs["edited"], Fake.PaidInputs["new"]));
    }

    [Fact]
    public async Task A_long_transaction_that_does_not_touch_the_rows_keeps_nothing_from_being_adopted()
    {
        await AddNotes(10);
        await Database.Execute("CREATE TABLE other (n int)");
        await using var connection = await Database.Source.OpenConnectionAsync();
        await using var elsewhere = await connection.BeginTransactionAsync();
        await Execute(connection, "INSERT INTO other VALUES (1)");
        await Migrate("table", Notes());
        await Database.Execute("INSERT INTO other VALUES (2)");

        Assert.Equal(10, (await Adopt()).Items);
    }

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task Stopped_half_way_it_goes_on_and_an_edit_in_the_meantime_leaves_the_row_pending(string store)
    {
        await AddNotes(500);
        await Migrate(store, Notes());
        await BlockPage(store, 300);
        await Assert.ThrowsAsync<PostgresException>(() => Adopt());
        await Database.Execute("DROP TRIGGER stop ON " + Holder(store));
        Assert.InRange(await Database.Ask<long>($"SELECT count(embedding) FROM {Holder(store)}"), 1, 499);

        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id = 450");
        var adopted = await Adopt();

        Assert.Equal(1, Count(adopted.LeftOut, LeftOutReason.WrittenSince));
        Assert.Equal(499, await Database.Ask<long>($"SELECT count(embedding) FROM {Holder(store)}"));
        var record = Assert.Single(await Database.Rows("SELECT vectors, finished_at IS NOT NULL FROM embedding.adoptions"));
        Assert.Equal([499L, true], record);
        Assert.Equal(1, await Embedded());
    }

    [Fact]
    public async Task What_a_run_holds_is_left_to_it()
    {
        await AddNotes(3);
        await Migrate("table", Notes());
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until)
            VALUES ('notes', 'note', '2', '', gen_random_uuid(), now() + interval '30 seconds')
            """);

        var adopted = await Adopt();

        Assert.Equal((2, 1), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.Held)));
    }

    [Fact]
    public async Task A_row_of_a_view_that_changed_since_it_was_looked_at_is_left_to_a_run()
    {
        await AddNotes(10);
        await EditWhileVectorsAreRead(1);
        await Database.Execute("CREATE VIEW readable AS SELECT id, title FROM notes");
        await Migrate("table", new { kind = "note", table = "readable", text = "{title}" });

        var plan = await Examine(Request("sneaky.old"));
        var adopted = await Engine.Get<Adopter>().Adopt(plan, null, CancellationToken.None);

        Assert.Equal((9, 1), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.WrittenSince)));
        Assert.Equal(1, await Embedded());
        Assert.Equal(1, Fake.PaidInputs["edited"]);
    }

    private static async Task Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    // An edit of the owner's in the very moment in which the vectors are read: at the first reading, or at the second.
    private Task EditWhileVectorsAreRead(int reading) => Database.Execute(
        $"""
        CREATE SEQUENCE readings;
        CREATE FUNCTION sneak(id int) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            IF id = 7 AND nextval('readings') = {reading} THEN
                UPDATE notes n SET title = 'edited' WHERE n.id = 7;
            END IF;
            RETURN true;
        END $$;
        CREATE VIEW sneaky AS SELECT id, CASE WHEN sneak(id) THEN old END AS old FROM notes OFFSET 0;
        """);

    // What no row is to blame for ends the adoption.
    private Task BlockPage(string store, int id) => Database.Execute(
        $"""
        CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of space' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER stop BEFORE UPDATE ON {Holder(store)} FOR EACH ROW WHEN (OLD.id = {id}) EXECUTE FUNCTION stop();
        """);
}
