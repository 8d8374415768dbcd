using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Messy;

/// <summary>
/// Tables as databases have them, each from the proposal of its declaration over check, migration, dry run, backfill, edit and deletion to
/// the removal. At no time is a row of the owner's written, is a vector of another text than its row's, or has a vector no row.
/// </summary>
public sealed partial class MessyTablesTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    /// <param name="messy">The table.</param>
    /// <param name="items">How many items it has.</param>
    /// <param name="edit">The owner's statements that edit it.</param>
    /// <param name="edited">How many items these make pending.</param>
    /// <param name="delete">The owner's statements that delete rows.</param>
    /// <param name="left">How many items are left after these.</param>
    private async Task Walk(MessyTable messy, int items, string edit, int edited, string delete, int left)
    {
        var objects = await messy.Objects();
        Assert.Empty(await messy.Check());
        var rows = await messy.Rows();
        await messy.Corpus.Migrate();
        Assert.Empty(await messy.Check());
        Assert.Equal(items, await messy.Predict());
        Assert.Equal(items, (await messy.Corpus.Run()).Counts.Processed);
        await messy.AssertTrue();
        Assert.Equal(rows, await messy.Rows());

        await _database.Execute(edit);
        rows = await messy.Rows();
        Assert.Equal(edited, (await messy.Corpus.Run()).Counts.Embedded);
        await messy.AssertTrue();
        Assert.Equal(rows, await messy.Rows());

        await _database.Execute(delete);
        await messy.Corpus.Run();
        await messy.AssertTrue();
        Assert.Equal(left, await _database.Ask<long>($"SELECT count(*) FROM embedding.vectors_{messy.Declared.Name}_{Kind(messy)}"));
        Assert.Equal(0, (await messy.Corpus.Run()).Counts.Claimed);
        Assert.Equal(0, await messy.Predict());

        await messy.Corpus.Migrate();
        Assert.Equal(0, (await messy.Corpus.Run()).Counts.Claimed);
        await messy.Remove();
        await messy.AssertGone();
        Assert.Equal(objects, await messy.Objects());
    }

    private static string Kind(MessyTable messy) => messy.Declared.Tables[0].Kind;

    private Task<long> Count(string from) => _database.Ask<long>($"SELECT count(*) FROM {from}");
}
