using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>Another width is filled beside the living vectors, and one transaction changes which of the two is read.</summary>
public sealed class GenerationSwitchTests : IAsyncLifetime
{
    private const int Old = 16;
    private const int New = 32;

    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id bigint PRIMARY KEY, title text);
            INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 60) n;
            """);
        await using var corpus = Notes(Old);
        await corpus.MigrateAndRun();
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task The_next_generation_is_filled_while_the_first_is_read()
    {
        await using var corpus = Notes(New);
        var generations = corpus.Get<GenerationSwitch>();

        var next = await generations.Begin("notes", null, default);
        Assert.Equal("notes@2", next.Name);
        Assert.NotEmpty((await generations.State("notes", isMeasured: false, default))!.Obstacles);
        await corpus.Run(name: next.Name);

        var state = (await generations.State("notes", isMeasured: true, default))!;
        // How fast a search is depends on what else the machine does.
        Assert.DoesNotContain(state.Obstacles, obstacle => !obstacle.StartsWith("a search of", StringComparison.Ordinal));
        Assert.Equal((1, 2, true), (state.Live.Number, state.Other.Number, state.IsForward));
        Assert.Equal((60, 60, 0), (state.Kinds[0].Total, state.Kinds[0].Done, state.Kinds[0].Failed));
        Assert.InRange(state.Kinds[0].Recall!.Value, 0.95, 1);
        Assert.Equal([(Old, 60)], await Read());
        await generations.Flip("notes", null, default);
        Assert.Equal([(New, 60)], await Read());
    }

    [Fact]
    public async Task Both_follow_the_rows_until_the_old_one_is_removed_and_each_can_be_read_again()
    {
        await using var corpus = Notes(New);
        var generations = corpus.Get<GenerationSwitch>();
        await corpus.Run(name: (await generations.Begin("notes", null, default)).Name);
        await generations.Flip("notes", null, default);

        await _database.Execute(
            "UPDATE notes SET title = 'edited' WHERE id <= 5; INSERT INTO notes VALUES (61, 'new'); DELETE FROM notes WHERE id = 60");
        Assert.Equal(6, (await corpus.Run(name: "notes")).Counts.Embedded);
        Assert.Equal(6, (await corpus.Run(name: "notes@2")).Counts.Embedded);

        await generations.Flip("notes", null, default);
        Assert.Equal([(Old, 60)], await Read());
        await generations.Flip("notes", null, default);
        Assert.Equal([(New, 60)], await Read());
        Assert.Equal(1, await generations.Finish("notes", isGivenUp: false, null, default));
        Assert.Equal([(New, 60)], await Read());
        Assert.Null(await _database.Ask<string>("SELECT to_regclass('embedding.vectors_notes_note')::text"));
        Assert.Null(await generations.State("notes", isMeasured: false, default));
        Assert.Equal(0, (await corpus.Run(name: "notes")).Counts.Claimed);
    }

    [Fact]
    public async Task A_host_of_either_declaration_keeps_the_living_vectors_true()
    {
        await using var before = Notes(Old);
        await using var after = Notes(New);
        var next = await after.Get<GenerationSwitch>().Begin("notes", null, default);
        await _database.Execute("UPDATE notes SET title = 'one' WHERE id = 1");

        Assert.Equal(1, (await before.Run()).Counts.Embedded);
        await _database.Execute("UPDATE notes SET title = 'two' WHERE id = 2");
        Assert.Equal(1, (await after.Run()).Counts.Embedded);

        Assert.Equal([(Old, 60)], await Read());
        Assert.Equal(60, (await after.Run(name: next.Name)).Counts.Embedded);
    }

    [Fact]
    public async Task A_next_generation_that_is_given_up_leaves_nothing()
    {
        await using var corpus = Notes(New);
        var generations = corpus.Get<GenerationSwitch>();
        await generations.Begin("notes", null, default);

        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => generations.Finish("notes", isGivenUp: false, null, default));
        Assert.Equal(2, await generations.Finish("notes", isGivenUp: true, null, default));

        Assert.Equal(0, await _database.Ask<long>(
            "SELECT count(*) FROM pg_class WHERE relname LIKE '%@2%'") + await _database.Ask<long>(
            "SELECT count(*) FROM embedding.objects WHERE corpus = 'notes@2'"));
        Assert.Equal([(Old, 60)], await Read());
    }

    [Fact]
    public async Task Nothing_is_switched_where_nothing_changed_or_the_store_did()
    {
        await using var same = Notes(Old);
        await using var within = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = New,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
        });

        var unchanged = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => same.Get<GenerationSwitch>().Begin("notes", null, default));
        var column = await Assert.ThrowsAsync<InvalidCorpusException>(() => within.Get<GenerationSwitch>().Begin("notes", null, default));

        Assert.Contains("declared as its vectors were made", unchanged.Message, StringComparison.Ordinal);
        Assert.Contains("leave store as it was", column.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_may_read_the_living_vectors_may_read_those_of_the_next()
    {
        var role = $"reader_{Guid.NewGuid():N}";
        await _database.Execute(
            $"CREATE ROLE {role}; GRANT USAGE ON SCHEMA embedding TO {role}; GRANT SELECT ON notes, embedding.live_notes_note, "
                + $"embedding.vectors_notes_note TO {role}");
        await using var corpus = Notes(New);
        var generations = corpus.Get<GenerationSwitch>();
        await corpus.Run(name: (await generations.Begin("notes", null, default)).Name);
        await generations.Flip("notes", null, default);

        await using var reader = await _database.Source.OpenConnectionAsync();
        await reader.ExecuteAsync($"SET ROLE {Sql.Raw(role)}", default);
        Assert.Equal(60, await reader.ScalarAsync<long>($"SELECT count(embedding) FROM embedding.live_notes_note", default));
        await reader.ExecuteAsync($"RESET ROLE", default);
        await _database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
    }

    private DeclaredCorpus Notes(int dimensions) => new(_database.Source, new
    {
        name = "notes",
        store = "table",
        dimensions,
        startsPerMinute = 1_000,
        tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
    });

    // Which widths are read, and how many of each.
    private Task<List<(int, int)>> Read() => _database.Source.QueryAsync(
        $"SELECT vector_dims(embedding), count(*)::int FROM embedding.live_notes_note GROUP BY 1 ORDER BY 1",
        row => (row.GetInt32(0), row.GetInt32(1)), default);
}
