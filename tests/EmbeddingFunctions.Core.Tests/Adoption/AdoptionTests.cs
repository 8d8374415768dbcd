using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Core.Tests.Adoption;

/// <summary>Vectors that another program made are taken over, and nothing is paid for but a sample.</summary>
public sealed class AdoptionTests : AdoptionTest
{
    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task Vectors_are_taken_over_at_the_cost_of_a_sample(string store)
    {
        await AddNotes(30);
        await Migrate(store, Notes());

        var adopted = await Adopt();

        Assert.Equal((30, 0), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.NoVector)));
        Assert.Equal((1, 5), (Fake.RequestCount, (int)Fake.PaidInputCount));
        Assert.Equal(0, await Embedded());
        Assert.Equal(1, Fake.RequestCount);
        Assert.Equal(
            30, await Database.Ask<long>($"SELECT count(*) FROM {Holder(store)} v JOIN notes n USING (id) WHERE v.embedding = n.old"));
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id = 7");
        Assert.Equal(1, await Embedded());
    }

    [Theory]
    [InlineData("halfvec(8)", "::halfvec(8)")]
    [InlineData("real[]", "")]
    [InlineData("double precision[]", "::double precision[]")]
    [InlineData("numeric[]", "::numeric[]")]
    [InlineData("jsonb", "::vector::text::jsonb")]
    [InlineData("text", "::text")]
    public async Task A_column_of_any_type_that_holds_numbers_is_read(string type, string cast)
    {
        await AddNotes(3);
        await Database.Execute($"ALTER TABLE notes ALTER old TYPE {type} USING old::real[]{cast}");
        await Migrate("table", Notes());

        Assert.Equal(3, (await Adopt()).Items);
    }

    [Fact]
    public async Task Vectors_of_another_model_are_refused_with_the_distribution_and_nothing_is_written()
    {
        await AddNotes(30, model: "text-embedding-ada-002");
        await Migrate("table", Notes());

        var plan = await Examine();

        Assert.False(plan.Cosines!.IsOfOneModel);
        Assert.Equal((5, 5), (plan.Cosines.Items, plan.Cosines.Worst.Count));
        Assert.InRange(plan.Cosines.Max, -1, 0.998);
        double[] rising = [plan.Cosines.Min, plan.Cosines.P5, plan.Cosines.Median, plan.Cosines.Max];
        Assert.Equal(rising.Order(), rising);
        Assert.Equal(plan.Cosines.Min, plan.Cosines.Worst[0].Cosine);
        Assert.Equal(
            (0L, 0L),
            (
                await Database.Ask<long>("SELECT count(embedding) FROM embedding.vectors_notes_note"),
                await Database.Ask<long>("SELECT count(*) FROM embedding.adoptions")));
    }

    [Fact]
    public async Task One_vector_of_another_text_in_the_sample_is_enough_to_refuse()
    {
        await AddNotes(5);
        await Database.Execute("UPDATE notes SET title = 'edited, and not embedded again' WHERE id = 3");
        await Migrate("table", Notes());

        var plan = await Examine();

        Assert.False(plan.Cosines!.IsOfOneModel);
        Assert.Equal(["3"], plan.Cosines.Worst.Select(item => item.Id));
    }

    [Fact]
    public async Task Another_model_than_the_corpuss_is_refused_before_anything_is_sent()
    {
        await Migrate("table", Notes());

        var refusal = await Assert.ThrowsAsync<InvalidCorpusException>(() => Examine(Request() with { Model = "text-embedding-ada-002" }));

        Assert.Contains("cannot be compared with its own", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, Fake.RequestCount);
    }

    [Fact]
    public async Task What_cannot_be_adopted_is_counted_by_reason_and_the_rest_is()
    {
        await AddNotes(20);
        await Database.Execute(
            """
            ALTER TABLE notes ALTER old TYPE real[] USING old::real[];
            UPDATE notes SET old = '{1,2,3}' WHERE id = 1;
            UPDATE notes SET old[2] = 'NaN' WHERE id = 2;
            UPDATE notes SET old[2] = 'Infinity' WHERE id = 3;
            UPDATE notes SET old[2] = NULL WHERE id = 4;
            UPDATE notes SET old = array_fill(0::real, ARRAY[8]) WHERE id = 5;
            UPDATE notes SET old = NULL WHERE id = 6;
            UPDATE notes SET title = ' ' WHERE id = 7;
            UPDATE notes SET hits = 1 WHERE id = 8;
            """);
        await Migrate(
            "table",
            new { kind = "note", table = "notes", text = "{title}", filter = new[] { new { column = "hits", equalTo = "0" } } });

        var adopted = await Adopt();

        Assert.Equal(12, adopted.Items);
        Assert.Equal(
            [
                (LeftOutReason.OutsideFilter, 1, ""), (LeftOutReason.EmptyText, 1, ""), (LeftOutReason.NoVector, 1, ""),
                (LeftOutReason.WrongWidth, 1, "1"), (LeftOutReason.NotFinite, 3, "2,3,4"), (LeftOutReason.ZeroVector, 1, "5"),
            ],
            adopted.LeftOut.Select(left => (left.Reason, left.Items, string.Join(',', left.Ids))));
        Assert.Equal(6, await Embedded());
    }

    [Fact]
    public async Task Rows_of_inactive_partitions_are_not_adopted()
    {
        await AddNotes(4);
        await Database.Execute(
            """
            CREATE TABLE tenants (id int, is_active boolean);
            INSERT INTO tenants VALUES (0, true), (1, false);
            UPDATE notes SET hits = 1 WHERE id = 4;
            """);
        File.WriteAllText(
            Declared,
            """
            {"corpora": [{"name": "notes", "dimensions": 8, "store": "column",
              "partitions": {"table": "tenants", "column": "id", "filter": [{"column": "is_active", "equalTo": "true"}]},
              "tables": [{"kind": "note", "table": "notes", "partition": "hits", "text": "{title}"}]}]}
            """);
        await Migrate();

        var adopted = await Adopt();

        Assert.Equal((3, 1), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.InactivePartition)));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(embedding) FROM notes WHERE hits = 1"));
    }

    [Fact]
    public async Task Done_again_it_leaves_current_vectors_alone_and_takes_none_for_an_edited_row()
    {
        await AddNotes(10);
        await Migrate("table", Notes());
        await Adopt();
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id = 3");

        var again = await Examine();

        Assert.Equal(
            (0, 9, 1), (again.Items, Count(again.LeftOut, LeftOutReason.Current), Count(again.LeftOut, LeftOutReason.EditedSince)));
        Assert.Null(again.Cosines);
        Assert.Equal(1, await Embedded());
    }

    [Fact]
    public async Task A_row_that_its_owner_does_not_let_be_written_keeps_no_other_back()
    {
        await AddNotes(10);
        await Migrate("column", Notes());
        await Database.Execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'closed: %', OLD.title; END $$;
            CREATE TRIGGER closed BEFORE UPDATE ON notes FOR EACH ROW WHEN (OLD.id IN (2, 5)) EXECUTE FUNCTION refuse();
            """);

        var adopted = await Adopt();

        Assert.Equal((8, 2), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.Refused)));
        Assert.Equal(["2", "5"], adopted.LeftOut.Single(left => left.Reason == LeftOutReason.Refused).Ids);
    }

    [Fact]
    public async Task Status_tells_how_many_were_adopted_from_where_and_when_and_each_item_tells_too()
    {
        await AddNotes(3);
        await Migrate("table", Notes());
        await Adopt();

        var adoption = Assert.Single((await Engine.Get<StatusReport>().Of("notes", CancellationToken.None)).Adoptions);

        Assert.Equal(("note", "public.notes.old", Model, 3), (adoption.Kind, adoption.Source, adoption.Model, adoption.Vectors));
        Assert.InRange(adoption.FinishedAt!.Value, adoption.AdoptedAt, DateTimeOffset.UtcNow.AddMinutes(1));
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id = 3");
        await Embedded();
        Assert.Equal(
            2,
            await Database.Ask<long>(
                "SELECT count(*) FROM embedding.vectors_notes_note JOIN embedding.adoptions ON embedding_generated_at = adopted_at"));
    }
}
