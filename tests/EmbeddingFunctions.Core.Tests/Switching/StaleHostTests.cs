using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>
/// A host that knows the names of columns from before a flip. Both generations have one width, so no type keeps a vector out.
/// </summary>
public sealed class StaleHostTests : ColumnSwitchTest
{
    private const string Text = "about {title}";

    [Fact]
    public async Task It_writes_nothing_that_it_claimed_before()
    {
        await using var after = await Filled(Old, Text);
        await using var before = Notes(Old);
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id <= 5");
        var (stale, batch) = (await before.Get<ResolvedCorpora>().Get("notes", default), Batch());
        await Database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, host) VALUES ($1, 'notes', '{}', 'command')", batch.RunId);
        var claim = await before.Get<ClaimStore>().Take(stale, batch, default);
        Assert.Equal(5, claim.Items.Count);
        await Flip(after);
        var vectors = await Vectors();

        var written = await before.Get<VectorStore>().Write(
            claim, batch.BatchId, claim.Items.Select(item => new ItemOutcome(
                item, EmbeddingFunctions.Batches.Outcome.Embedded, "hash", Enumerable.Repeat(1f, Old).ToArray())).ToList(),
            new BatchCounts(), default);

        Assert.Equal(0, written.Embedded);
        Assert.Equal(vectors, await Vectors());
        // The items wait for the next batch, without charge.
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.claims WHERE token IS NOT NULL OR attempts > 0"));
        Assert.Equal(5, (await after.Run(name: "notes")).Counts.Embedded);
    }

    [Theory]
    [InlineData("notes")]
    [InlineData("notes@2")]
    public async Task It_claims_nothing_by_the_names_of_before_though_it_waited_for_the_lock_of_the_flip(string name)
    {
        await using var after = await Filled(Old, Text);
        await using var before = Notes(Old);
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id <= 5");
        var stale = await before.Get<ResolvedCorpora>().Get(name, default);

        await using var owner = await Database.Source.OpenConnectionAsync();
        await using var reading = await owner.BeginTransactionAsync();
        await owner.ExecuteAsync($"SELECT count(*) FROM notes", default);
        var flip = Flip(after);
        await Waiting(1);
        var claim = before.Get<ClaimStore>().Take(stale, Batch(name), default);
        await Waiting(2);
        await reading.CommitAsync();
        await flip;

        var refused = await Assert.ThrowsAsync<PostgresException>(() => claim);
        Assert.True(
            DatabaseFaults.IsOfAnotherGeneration(refused) || DatabaseFaults.IsSchemaMismatch(refused), refused.MessageText);
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.claims WHERE token IS NOT NULL"));
    }

    [Fact]
    public async Task Its_next_run_goes_by_the_names_of_now()
    {
        await using var after = await Filled(Old, Text);
        await using var before = Notes(Old);
        await before.Run();
        await Flip(after);
        await Database.Execute("UPDATE notes SET title = 'edited' WHERE id <= 5");
        var vectors = await Vectors();

        Assert.Equal(5, (await before.Run(name: "notes")).Counts.Embedded);
        Assert.Equal(vectors, await Vectors());
        Assert.Equal(5, (await before.Run(name: "notes@2")).Counts.Embedded);
        await Flip(after);
        await Database.Execute("UPDATE notes SET title = 'again' WHERE id <= 5");
        Assert.Equal(5, (await before.Run(name: "notes")).Counts.Embedded);
        Assert.Equal(5, (await before.Run(name: "notes@2")).Counts.Embedded);
        Assert.Equal(0, await Database.Ask<long>(
            "SELECT count(*) FROM notes WHERE embedding = embedding_g2 OR embedding_rule = embedding_rule_g2"));
    }

    private static EmbedBatch Batch(string corpus = "notes") =>
        new(Guid.NewGuid(), Guid.NewGuid(), corpus, "note", "", Count: 20, ForceBefore: null);

    private async Task<string?> Vectors() => await Database.Ask<string>("SELECT string_agg(embedding::text, ' ' ORDER BY id) FROM notes");

    private async Task Waiting(int locks)
    {
        const string Waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass";
        for (var i = 0; i < 200 && await Database.Ask<long>(Waits) < locks; i++)
        {
            await Task.Delay(10);
        }

        Assert.Equal(locks, await Database.Ask<long>(Waits));
    }
}
