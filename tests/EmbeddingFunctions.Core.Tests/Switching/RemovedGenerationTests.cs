using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>The end of a switch: what is removed is not the living generation, and a removal that was stopped goes on.</summary>
public sealed class RemovedGenerationTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two')");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("table", "embedding.vectors_notes_note")]
    [InlineData("column", "notes")]
    public async Task A_removal_that_is_stopped_half_way_goes_on_when_it_is_asked_for_again(string store, string locked)
    {
        await using var corpus = await Switched(store);
        var generations = corpus.Get<GenerationSwitch>();
        await using var owner = await _database.Source.OpenConnectionAsync();
        var reading = await owner.BeginTransactionAsync();
        await owner.ExecuteAsync($"SELECT count(*) FROM {Sql.Raw(locked)}", default);
        using var stopping = new CancellationTokenSource();
        var finish = generations.Finish("notes", isGivenUp: false, line => stopping.CancelAfter(500), stopping.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => finish);
        await reading.CommitAsync();

        // It is not made live any more, nor does another switch begin.
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => generations.Flip("notes", null, default));
        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => generations.Begin("notes", null, default));
        Assert.Contains("--finish", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, await generations.Finish("notes", isGivenUp: false, null, default));

        Assert.Equal(0, await _database.Ask<long>(
            "SELECT (SELECT count(*) FROM embedding.objects WHERE corpus = 'notes') + (SELECT count(*) FROM embedding.generations "
                + "WHERE NOT is_live)"));
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => generations.Finish("notes", isGivenUp: false, null, default));
        Assert.Equal(0, (await corpus.Run(name: "notes@2")).Counts.Claimed);
    }

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task What_was_flipped_by_another_process_is_not_removed(string store)
    {
        await using var corpus = await Switched(store);
        // The first is not live; while a process that saw that is about to remove it, another flips it back.
        await corpus.Get<GenerationSwitch>().Flip("notes", null, default);

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => corpus.Get<GenerationRemoval>().Begin("notes", default));

        Assert.Contains("flipped by another process", refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await corpus.Get<GenerationSwitch>().State("notes", isMeasured: false, default))!.Other.Number);
    }

    [Fact]
    public async Task Of_a_flip_and_a_removal_at_one_moment_one_is_made()
    {
        await using var corpus = await Switched("column");
        await using var other = Notes("column", 32);
        var (flip, finish) = (
            corpus.Get<GenerationSwitch>().Flip("notes", null, default),
            other.Get<GenerationSwitch>().Finish("notes", isGivenUp: true, null, default));
        var results = await Task.WhenAll(Result(flip), Result(finish));

        // The removal may come after the flip, and then be of the other one.
        Assert.Contains(true, results);
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.generations WHERE is_live"));
        Assert.Equal(2, await _database.Ask<long>("SELECT count(embedding) FROM notes"));
    }

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task One_that_was_recorded_and_not_made_can_be_given_up(string store)
    {
        await using var before = Notes(store, 16);
        await before.MigrateAndRun();
        await using var corpus = Notes(store, 32);
        await corpus.Get<GenerationSwitch>().Begin("notes", null, default);
        // As if the process had been killed before it made anything.
        await _database.Execute("DELETE FROM embedding.rules WHERE corpus = 'notes@2'");

        Assert.Equal(2, await corpus.Get<GenerationSwitch>().Finish("notes", isGivenUp: true, null, default));
    }

    private static async Task<bool> Result(Task task)
    {
        try
        {
            await task;
            return true;
        }
        catch (DatabaseNotReadyException)
        {
            return false;
        }
    }

    private async Task<DeclaredCorpus> Switched(string store)
    {
        await using var before = Notes(store, 16);
        await before.MigrateAndRun();
        var corpus = Notes(store, 32);
        await corpus.Run(name: (await corpus.Get<GenerationSwitch>().Begin("notes", null, default)).Name);
        await corpus.Get<GenerationSwitch>().Flip("notes", null, default);
        return corpus;
    }

    private DeclaredCorpus Notes(string store, int dimensions) => new(_database.Source, new
    {
        name = "notes",
        store,
        dimensions,
        startsPerMinute = 1_000,
        tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
    });
}
