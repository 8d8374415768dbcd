using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A subscriber whose table lacks a published column stops: a migration says so.</summary>
public sealed class PublicationTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("CREATE PUBLICATION all_notes FOR TABLE notes", true)]
    [InlineData("CREATE PUBLICATION all_notes FOR TABLES IN SCHEMA public", true)]
    [InlineData("CREATE PUBLICATION all_notes FOR ALL TABLES", true)]
    [InlineData("CREATE PUBLICATION all_notes FOR TABLE notes (id, title)", false)]
    [InlineData("CREATE TABLE others (id int PRIMARY KEY); CREATE PUBLICATION all_notes FOR TABLE others", false)]
    public async Task Columns_that_subscribers_lack_are_reported_once(string publication, bool isTold)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 1);
        await _database.Execute(publication);
        var said = new List<string>();

        await corpus.Migrate(progress: said.Add);
        await corpus.Migrate(progress: said.Add);

        Assert.Equal(
            isTold ? 1 : 0,
            said.Count(line => line.StartsWith("notes is published by all_notes: subscribers stop", StringComparison.Ordinal)));
    }
}
