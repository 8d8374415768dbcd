using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A migration never makes the application wait for long.</summary>
public sealed class MigrationLockTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Migrated_again_no_table_is_locked()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var hold = new Npgsql.NpgsqlCommand("LOCK TABLE notes IN ROW EXCLUSIVE MODE", connection);
        await hold.ExecuteNonQueryAsync();

        await corpus.Migrate().WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Behind_one_reader_a_first_migration_lets_the_application_pass()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var report = new Npgsql.NpgsqlCommand("SELECT count(*) FROM notes", connection);
        await report.ExecuteNonQueryAsync();

        var said = new List<string>();
        var migrating = corpus.Migrate(progress: said.Add);
        var longest = TimeSpan.Zero;
        for (var end = DateTime.UtcNow.AddSeconds(8); DateTime.UtcNow < end;)
        {
            var begun = DateTime.UtcNow;
            await _database.Execute("INSERT INTO notes (title) VALUES ('while it waits')");
            longest = DateTime.UtcNow - begun > longest ? DateTime.UtcNow - begun : longest;
        }

        await transaction.RollbackAsync();
        await migrating;
        Assert.InRange(longest.TotalSeconds, 0, 4);
        Assert.Contains("waiting for a transaction that holds a lock; the application's statements are not blocked meanwhile", said);
    }
}
