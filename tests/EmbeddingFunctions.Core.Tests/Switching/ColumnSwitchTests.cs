using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>Vectors in the rows' own table: the next ones fill a second column, which takes the name of the first.</summary>
public sealed class ColumnSwitchTests : ColumnSwitchTest
{
    [Fact]
    public async Task The_next_generation_fills_a_second_column_while_the_first_is_read()
    {
        await using var corpus = Notes(New);
        var generations = corpus.Get<GenerationSwitch>();

        var next = await generations.Begin("notes", null, default);
        Assert.Equal("60 of 60 note wait for their vector", Assert.Single(await Obstacles(generations)));
        Assert.Equal([(Old, 60)], await Read());
        await corpus.Run(name: next.Name);

        var state = (await generations.State("notes", isMeasured: true, default))!;
        Assert.DoesNotContain(state.Obstacles, obstacle => !obstacle.StartsWith("a search of", StringComparison.Ordinal));
        Assert.Equal((1, 2, true), (state.Live.Number, state.Other.Number, state.IsForward));
        Assert.Equal((60, 60, 0), (state.Kinds[0].Total, state.Kinds[0].Done, state.Kinds[0].Failed));
        Assert.InRange(state.Kinds[0].Recall!.Value, 0.95, 1);
        Assert.Equal([(Old, 60)], await Read());
        await Flip(corpus);
        Assert.Equal([(New, 60)], await Read());
    }

    [Fact]
    public async Task Both_follow_the_rows_until_the_old_one_is_removed_and_each_can_be_read_again()
    {
        await using var corpus = await Filled();
        await Flip(corpus);

        await Database.Execute(
            "UPDATE notes SET title = 'edited' WHERE id <= 5; INSERT INTO notes VALUES (61, 'new'); DELETE FROM notes WHERE id = 60");
        Assert.Equal(6, (await corpus.Run(name: "notes")).Counts.Embedded);
        Assert.Equal(6, (await corpus.Run(name: "notes@2")).Counts.Embedded);

        await Flip(corpus);
        Assert.Equal([(Old, 60)], await Read());
        await Database.Execute("UPDATE notes SET title = 'edited twice' WHERE id <= 3");
        Assert.Equal(3, (await corpus.Run(name: "notes@2")).Counts.Embedded);
        Assert.Equal(3, (await corpus.Run(name: "notes")).Counts.Embedded);
        await Flip(corpus);
        Assert.Equal([(New, 60)], await Read());
        Assert.Equal(1, await corpus.Get<GenerationSwitch>().Finish("notes", isGivenUp: false, null, default));
        Assert.Equal([(New, 60)], await Read());
        Assert.Null(await corpus.Get<GenerationSwitch>().State("notes", isMeasured: false, default));
        Assert.Equal(0, (await corpus.Run(name: "notes")).Counts.Claimed);
    }

    [Fact]
    public async Task A_finished_switch_leaves_the_table_as_a_migration_would_have_made_it()
    {
        await using var corpus = await Filled();
        await Flip(corpus);
        await corpus.Get<GenerationSwitch>().Finish("notes", isGivenUp: false, null, default);
        await using var other = await TestDatabase.Empty();
        await other.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
        await using var plain = new DeclaredCorpus(other.Source, new
        {
            name = "notes",
            dimensions = New,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
        });
        await plain.Migrate();

        Assert.Equal(await Shape(other, "notes"), await Shape(Database, "notes"));
        Assert.Equal("", await corpus.Get<Migrator>().Plan(corpus.Get<CorpusSet>().Live("notes"), new MigrationOptions(), default));
    }

    [Fact]
    public async Task A_next_generation_that_is_given_up_leaves_nothing()
    {
        var before = await Shape(Database, "notes");
        await using var corpus = Notes(New);
        var generations = corpus.Get<GenerationSwitch>();
        await generations.Begin("notes", null, default);

        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => generations.Finish("notes", isGivenUp: false, null, default));
        Assert.Equal(2, await generations.Finish("notes", isGivenUp: true, null, default));

        Assert.Equal(before, await Shape(Database, "notes"));
        Assert.Equal([(Old, 60)], await Read());
    }

    [Fact]
    public async Task Both_generations_go_with_the_corpus()
    {
        await using var corpus = await Filled();
        await Flip(corpus);
        var removal = corpus.Get<CorpusRemoval>();

        foreach (var name in await removal.Recorded(default))
        {
            await removal.Remove(name, null, default);
        }

        Assert.Equal(
            ["column notes id bigint", "column notes title text"],
            (await Shape(Database, "notes")).Where(line => line.StartsWith("column", StringComparison.Ordinal)));
        Assert.Equal(0, await Database.Ask<long>(
            "SELECT (SELECT count(*) FROM embedding.generations) + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = "
                + "'notes'::regclass) + (SELECT count(*) FROM embedding.objects WHERE corpus <> '')"));
    }

    [Fact]
    public async Task An_engines_write_of_one_generation_makes_nothing_pending_in_the_other()
    {
        await Database.Execute(
            """
            ALTER TABLE notes ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
            CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
            """);
        DeclaredCorpus Touched(int dimensions) => new(Database.Source, new
        {
            name = "notes",
            dimensions,
            startsPerMinute = 1_000,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", changedAt = "updated_at" } },
        });
        await using var before = Touched(Old);
        await before.MigrateAndRun();
        await using var corpus = Touched(New);
        var next = await corpus.Get<GenerationSwitch>().Begin("notes", null, default);

        Assert.Equal(60, (await corpus.Run(name: next.Name)).Counts.Embedded);
        Assert.Equal(0, (await corpus.Run(name: "notes")).Counts.Claimed);
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id = 1");
        Assert.Equal(1, (await corpus.Run(name: "notes")).Counts.Embedded);
        Assert.Equal(1, (await corpus.Run(name: next.Name)).Counts.Embedded);
        Assert.Equal(0, (await corpus.Run(name: "notes")).Counts.Claimed);
    }

    [Fact]
    public async Task Nothing_is_switched_where_nothing_changed_or_what_a_flip_cannot_change()
    {
        await using var same = Notes(Old);
        await using var renamed = new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            dimensions = New,
            similarityCache = true,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", vector = "vector", queue = "row" } },
        });

        var unchanged = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => same.Get<GenerationSwitch>().Begin("notes", null, default));
        var other = await Assert.ThrowsAsync<InvalidCorpusException>(
            () => renamed.Get<GenerationSwitch>().Begin("notes", null, default));

        Assert.Contains("declared as its vectors were made", unchanged.Message, StringComparison.Ordinal);
        Assert.Contains("leave vector of note, queue of note, similarityCache as it was", other.Message, StringComparison.Ordinal);
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.generations"));
    }

    private static async Task<IReadOnlyList<string>> Obstacles(GenerationSwitch generations) =>
        (await generations.State("notes", isMeasured: false, default))!.Obstacles;
}
