using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A failure is of one text: a new row under its key, or an edit, starts without it.</summary>
public sealed class SuccessorTests(BatchDatabase shared) : BatchTest(shared)
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task L2_a_new_row_of_the_key_of_one_that_failed_is_embedded_at_once(int attempts)
    {
        var id = await Poisoned(attempts);
        await Replace(id, "good");

        Assert.Equal((1, 0), Embedded(await Embed()));
        Assert.Equal(0, await Count("embedding.claims"));
    }

    [Fact]
    public async Task L2_a_new_row_of_the_key_of_a_dead_one_has_three_attempts_of_its_own()
    {
        var id = await Poisoned(attempts: 3);
        await Replace(id, "another poison");
        using var script = Fake.Script(Poisonous, Fault.BadInput());

        Assert.Equal((0, 1), Embedded(await Embed()));
        Assert.Equal((1, false), ((await Failure(id)).Attempts, (await Failure(id)).IsDead));
    }

    [Fact]
    public async Task L2_the_hour_of_a_row_that_refused_its_mark_stops_neither_an_edit_nor_a_new_row_and_ends()
    {
        await Database.Execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN IF NEW.embedding_state = ''failed'' THEN RAISE EXCEPTION ''closed''; END IF; RETURN NEW; END';
            CREATE TRIGGER refuse BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        try
        {
            var id = await Poisoned(attempts: 3);
            Assert.InRange(
                await Database.Ask<double>("SELECT extract(epoch FROM retry_at - now())::float8 FROM embedding.claims"), 3_500, 3_600);
            Assert.Empty((await Take()).Items);

            await Edit(id, "good");
            Assert.Equal((1, 0), Embedded(await Embed()));

            await Database.Execute("DELETE FROM issues");
            id = await Poisoned(attempts: 3);
            await Replace(id, "good too");
            Assert.Equal((1, 0), Embedded(await Embed()));

            await Database.Execute("DELETE FROM issues");
            id = await Poisoned(attempts: 3);
            await Database.Execute("UPDATE embedding.claims SET retry_at = retry_at - interval '1 hour'");
            Assert.Equal(id, Assert.Single((await Take()).Items).Id);
        }
        finally
        {
            await Database.Execute("DROP FUNCTION refuse() CASCADE");
        }
    }

    private static Requests Poisonous => Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal));

    private static (int Embedded, int Failed) Embedded(EmbeddedBatch batch) => (batch.Counts.Embedded, batch.Counts.Failed);

    private async Task<string> Poisoned(int attempts)
    {
        var id = await Workspace.Item(Repository, "poison");
        using var script = Fake.Script(Poisonous, Fault.BadInput());
        for (var attempt = 1; attempt <= attempts; attempt++)
        {
            await LetFailuresRetry();
            await Embed();
        }

        return id;
    }

    private async Task Replace(string id, string title)
    {
        await Database.Execute("DELETE FROM issues WHERE id::text = $1", id);
        await Database.Execute(
            "INSERT INTO issues (id, repository_id, title, updated_at) VALUES ($1::text::uuid, $2, $3, now())", id, Repository, title);
    }
}
