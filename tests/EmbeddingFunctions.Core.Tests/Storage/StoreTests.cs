using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Where vectors are kept: unless declared beside the rows, and never in both places.</summary>
public sealed class StoreTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two')");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public void The_shipped_corpora_keep_vectors_in_columns() =>
        Assert.All(CorpusFile.Load(null).All, corpus => Assert.Equal(Store.Column, corpus.Store));

    [Theory]
    [InlineData("\"queue\": \"row\"", "a queue needs \"store\": \"column\" in the corpus")]
    [InlineData("\"textSearch\": \"english\"", "textSearch adds a column to the table, which needs \"store\": \"column\" in the corpus")]
    public void What_only_columns_can_do_needs_them_declared(string property, string told)
    {
        var faults = CorpusFile.Examine(Declaration("", property), "my.json").Faults;

        Assert.Contains(told, Assert.Single(faults).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_corpus_that_does_not_say_keeps_vectors_beside_the_rows()
    {
        await using var corpus = Corpus("");

        await corpus.MigrateAndRun();

        Assert.Equal(2, await _database.Ask<long>("SELECT count(embedding) FROM embedding.vectors_notes_note"));
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0"));
    }

    [Theory]
    [InlineData("column", "", "the vectors of 'notes' are kept in columns of notes: declare \"store\": \"column\" to keep them there")]
    [InlineData(
        "table", "column",
        "the vectors of 'notes' are kept in embedding.vectors_notes_note: declare \"store\": \"table\" to keep them there")]
    public async Task The_other_store_is_refused_while_vectors_are_in_one(string before, string after, string told)
    {
        await using var first = Corpus(before);
        await first.MigrateAndRun();
        await using var second = Corpus(after);
        var resolved = await second.Get<ResolvedCorpora>().Get("notes", default);

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => second.Migrate(yes: true));

        Assert.Contains(told, refused.Message, StringComparison.Ordinal);
        Assert.Contains(
            await second.Get<CorpusFindings>().Of(resolved, default), finding => finding.Contains(told, StringComparison.Ordinal));
        Assert.Contains(
            told, (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => second.Get<StatusReport>().Of("notes", default))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            told, (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => second.Run())).Message, StringComparison.Ordinal);

        await first.Get<CorpusRemoval>().Remove("notes", null, default);
        Assert.Equal(2, (await second.MigrateAndRun()).Counts.Embedded);
    }

    private DeclaredCorpus Corpus(string store) =>
        new(_database.Source, Declaration(store == "" ? "" : $"\"store\": \"{store}\",", "\"id\": \"id\""));

    private static string Declaration(string store, string property) =>
        $$"""
        { "corpora": [{ "name": "notes", "dimensions": 16, "startsPerMinute": 1000, {{store}}
          "tables": [{ "kind": "note", "table": "notes", "text": "{title}", {{property}} }] }] }
        """;
}
