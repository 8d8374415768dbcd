using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A row that is inserted with the vector of another is pending, whichever way it comes.</summary>
public sealed class CopiedRowsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_copied_row_with_another_text_is_embedded()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();

        await _database.Execute(
            """
            CREATE TEMP TABLE copy AS SELECT * FROM notes WHERE id = 1;
            UPDATE copy SET id = 9, title = 'Tax law';
            INSERT INTO notes OVERRIDING SYSTEM VALUE SELECT * FROM copy;
            """);

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.False(await _database.Ask<bool>("SELECT n.embedding = o.embedding FROM notes n, notes o WHERE n.id = 9 AND o.id = 1"));
    }

    [Theory]
    [InlineData("INSERT INTO notes OVERRIDING SYSTEM VALUE SELECT * FROM copy")]
    [InlineData("INSERT INTO notes OVERRIDING SYSTEM VALUE SELECT * FROM copy ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title")]
    [
        InlineData(
            "MERGE INTO notes n USING copy c ON n.id = c.id WHEN NOT MATCHED THEN INSERT OVERRIDING SYSTEM VALUE VALUES (c.id, c.title, "
                + "c.body, c.edited_at, c.embedding, c.embedding_generated_at, c.embedding_model, c.embedding_rule, "
                + "c.embedding_truncated, c.content_hash, c.embedding_state)")]
    [
        InlineData(
            "SET session_replication_role = replica; INSERT INTO notes OVERRIDING SYSTEM VALUE SELECT * FROM copy; RESET "
                + "session_replication_role")]
    public async Task Every_way_of_inserting_a_copy_makes_it_pending_and_an_equal_text_is_not_paid_for(string insert)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();

        await _database.Execute($"CREATE TEMP TABLE copy AS SELECT * FROM notes WHERE id = 1; UPDATE copy SET id = 9; {insert}");

        var run = await corpus.Run();
        Assert.Equal((1, 1, 0), (run.ItemsTotal, run.Counts.Unchanged, run.Counts.Embedded));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("row")]
    [InlineData("content")]
    public async Task C1_a_copy_with_another_text_that_comes_by_COPY_is_pending_until_it_has_its_own_vector(string queue)
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            await using var corpus = Queued(queue);
            await corpus.MigrateAndRun();

            await CopyFirst("title = 'Tax law'");

            Assert.Equal((4, 3, 1), await Coverage(corpus));
            Assert.Equal(queue == "none" ? null : "pending", await Request());
            Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
            Assert.Equal((4, 4, 0), await Coverage(corpus));
            Assert.Equal(queue == "none" ? null : "completed", await Request());
            Assert.False(
                await _database.Ask<bool>("SELECT n.embedding = o.embedding FROM notes n, notes o WHERE n.id = 9 AND o.id = 1"));
        }
    }

    [Theory]
    [InlineData("row")]
    [InlineData("content")]
    public async Task C1_a_copy_with_the_same_text_that_comes_by_COPY_costs_nothing_where_there_is_a_queue(string queue)
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            await using var corpus = Queued(queue);
            await corpus.MigrateAndRun();

            await CopyFirst("title = title");

            var run = await corpus.Run();
            Assert.Equal((1, 1, 0), (run.ItemsTotal, run.Counts.Unchanged, run.Counts.Embedded));
            Assert.Equal("completed", await Request());
        }
    }

    [Fact]
    public async Task C1_a_copy_by_INSERT_has_its_own_text_embedded_through_a_queue_of_contents()
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            await using var corpus = Queued("content");
            await corpus.MigrateAndRun();

            await _database.Execute(
                "CREATE TEMP TABLE copy AS SELECT * FROM notes WHERE id = 1; UPDATE copy SET id = 9, title = 'Tax law'; INSERT INTO notes "
                    + "OVERRIDING SYSTEM VALUE SELECT * FROM copy");

            Assert.Equal("pending", await Request());
            Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
            Assert.Equal("Tax law", await _database.Ask<string>("SELECT embedding_content FROM notes WHERE id = 9"));
        }
    }

    private DeclaredCorpus Queued(string queue) =>
        new(_database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", queue }));

    private async Task<string?> Request() =>
        await _database.Ask<bool>("SELECT to_regclass('embedding_queue') IS NOT NULL")
            ? await _database.Ask<string>("SELECT status::text FROM embedding_queue WHERE record_id = '9'")
            : null;

    // All columns of the first row, as a loader that knows nothing of ours would write them.
    private async Task CopyFirst(string change)
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using (var copy = new NpgsqlCommand(
            $"CREATE TEMP TABLE copy AS SELECT * FROM notes WHERE id = 1; UPDATE copy SET id = 9, {change}", connection))
        {
            await copy.ExecuteNonQueryAsync();
        }

        string row;
        using (var from = await connection.BeginTextExportAsync("COPY copy TO STDOUT"))
        {
            row = await from.ReadToEndAsync();
        }

        await using var to = await connection.BeginTextImportAsync("COPY notes FROM STDIN");
        await to.WriteAsync(row);
    }

    private static async Task<(long Total, long Embedded, long Pending)> Coverage(DeclaredCorpus corpus)
    {
        var kind = (await corpus.Get<StatusReport>().Of("notes", default)).Kinds[0];
        return (kind.Total, kind.Embedded, kind.Pending);
    }
}
