using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using DeclaredCorpus = EmbeddingFunctions.Core.Tests.Storage.DeclaredCorpus;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary><c>doctor</c> and <c>status</c> name vector indexes that searches cannot use, where no other serves them.</summary>
public sealed class UnusableIndexTests : IAsyncLifetime
{
    private const string Own = "embedding_hnsw_vectors_notes_note";

    private TestDatabase _database = null!;
    private DeclaredCorpus _notes = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 20) n");
        _notes = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            store = "table",
            dimensions = 64,
            tables = new[] { new { kind = "note", table = "notes", text = "{title}" } },
        });
        await _notes.MigrateAndRun();
    }

    public async Task DisposeAsync()
    {
        await _notes.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData("(embedding vector_l2_ops)", "is made for hnsw vector_l2_ops, while searches need hnsw vector_cosine_ops")]
    [InlineData("(embedding vector_cosine_ops) WHERE id > 7", "has only the rows where (id > 7)")]
    [InlineData("((embedding::halfvec(64)) halfvec_cosine_ops)", "is over ((embedding)::halfvec(64)), an expression that no search has")]
    [InlineData("(older vector_cosine_ops)", "is over older, which is not the column of the live generation, embedding")]
    public async Task An_index_in_place_of_the_right_one_is_named_with_what_to_do(string index, string fault)
    {
        await _database.Execute(
            $"""
            ALTER TABLE embedding.vectors_notes_note ADD COLUMN older vector(64);
            DROP INDEX embedding.{Own};
            CREATE INDEX {Own} ON embedding.vectors_notes_note USING hnsw {index}
            """);

        var finding = await Corpus();

        Assert.False(finding.IsWell);
        Assert.Contains($"{Own} {fault}", finding.Message, StringComparison.Ordinal);
        Assert.Contains($"DROP INDEX embedding.\"{Own}\"", finding.Message, StringComparison.Ordinal);
        Assert.Contains("'embeddings index notes'", finding.Message, StringComparison.Ordinal);

        await _database.Execute($"DROP INDEX embedding.\"{Own}\"");
        await _notes.Get<ISearchIndexes>().BuildNow(
            await _notes.Get<ResolvedCorpora>().Get("notes", default), default);
        Assert.True((await Corpus()).IsWell, (await Corpus()).Message);
    }

    [Fact]
    public async Task Beside_the_right_one_any_other_is_its_owner_s_business()
    {
        await _database.Execute(
            """
            CREATE INDEX nearest ON embedding.vectors_notes_note USING hnsw (embedding vector_l2_ops);
            CREATE INDEX partly ON embedding.vectors_notes_note USING hnsw (embedding vector_cosine_ops) WHERE id > 7
            """);

        Assert.Empty(await new UnusableIndexes(_database.Source).Of(
            await _notes.Get<ResolvedCorpora>().Get("notes", default), default));
        Assert.True((await Corpus()).IsWell);
    }

    [Fact]
    public async Task One_that_was_left_half_built_is_named()
    {
        await _database.Execute(
            $"""
            DROP INDEX embedding.{Own};
            CREATE INDEX by_hand ON embedding.vectors_notes_note USING hnsw (embedding vector_cosine_ops);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embedding.by_hand'::regclass
            """);

        Assert.Contains("by_hand is invalid, because its building was interrupted", (await Corpus()).Message, StringComparison.Ordinal);
    }

    private async Task<Finding> Corpus() =>
        (await _notes.Get<Doctor>().Examine([_notes.Corpus], default)).Single(finding => finding.Subject == "corpus notes");
}
