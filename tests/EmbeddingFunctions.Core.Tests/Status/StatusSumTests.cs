using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>Each row is in one column of the status, whatever state it is in.</summary>
public sealed class StatusSumTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("title = title", "embedded")]
    [InlineData("embedding = NULL, content_hash = NULL, embedding_rule = NULL, embedding_state = NULL", "pending")]
    [InlineData("embedding = NULL, content_hash = NULL", "pending")]
    [InlineData("embedding = NULL", "pending")]
    [InlineData("content_hash = NULL", "pending")]
    [InlineData("embedding_rule = NULL", "pending")]
    [InlineData("embedding_rule = 'of another'", "pending")]
    [InlineData("embedding_state = NULL", "pending")]
    [InlineData("embedding_state = 'rewritten'", "pending")]
    [InlineData("embedding_rule = NULL, embedding_state = 'failed', embedding = NULL", "pending")]
    [InlineData("embedding_rule = NULL, embedding_state = 'empty'", "pending")]
    [InlineData("embedding = NULL, embedding_state = 'empty'", "empty")]
    [InlineData("embedding_state = 'empty'", "empty")]
    [InlineData("embedding = NULL, embedding_state = 'failed'", "failed")]
    [InlineData("embedding_state = 'failed'", "failed")]
    [InlineData("embedding = NULL, embedding_state = 'ignored'", "ignored")]
    [InlineData("embedding_state = 'ignored'", "ignored")]
    public async Task L1_the_columns_of_the_status_sum_to_the_total_for_each_state_of_a_row(string state, string column)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 4);
        await corpus.MigrateAndRun();
        await _database.Execute(
            $"ALTER TABLE notes DISABLE TRIGGER ALL; UPDATE notes SET {state} WHERE id <= 3; ALTER TABLE notes ENABLE ALWAYS TRIGGER "
                + "zzz_embedding_note_edit_notes");

        await AssertSums(corpus, column, 3);
    }

    [Theory]
    [InlineData("embedding_rule = NULL")]
    [InlineData("embedding_state = NULL")]
    [InlineData("embedding = NULL, content_hash = NULL")]
    public async Task L1_a_row_that_waits_after_a_failure_is_failed_and_nothing_else(string state)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 4);
        await corpus.MigrateAndRun();
        await _database.Execute(
            $"""
            UPDATE notes SET {state} WHERE id <= 2;
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, reason, failed_at, retry_at)
            SELECT 'notes', 'note', id::text, '', 1, 'refused', now(), now() + interval '1 minute' FROM notes WHERE id <= 2
            """);

        await AssertSums(corpus, "failed", 2);
    }

    private static async Task AssertSums(Storage.DeclaredCorpus corpus, string column, long rows)
    {
        var report = await corpus.Get<StatusReport>().Of("notes", default);
        var kind = Assert.Single(report.Kinds);
        long Counted(string name, long counted) => (name == column ? rows : 0) + (name == "embedded" ? 4 - rows : 0) - counted;

        Assert.Equal(
            (0, 0, 0, 0, 0),
            (
                Counted("embedded", kind.Embedded), Counted("empty", kind.Empty), Counted("pending", kind.Pending),
                Counted("failed", kind.Failed), Counted("ignored", kind.Ignored)));
        Assert.Equal(kind.Total, kind.Embedded + kind.Empty + kind.Pending + kind.Failed + kind.Ignored);
        Assert.Equal(column is "embedded" or "empty", kind.Coverage == 100);
    }
}
