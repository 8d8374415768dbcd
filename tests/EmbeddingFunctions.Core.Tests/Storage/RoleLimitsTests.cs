using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Limits that a role has for an application's statements.</summary>
public sealed class RoleLimitsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task They_cut_no_index_that_is_built_and_no_run()
    {
        await using (var corpus = await Declarations.CreateNotes(_database, 4_000))
        {
            await corpus.Migrate();
        }

        await _database.Execute(
            $"""
            DROP INDEX IF EXISTS embedding_hnsw_notes;
            UPDATE notes SET embedding = ARRAY(SELECT random() FROM generate_series(1, 16) WHERE id > 0)::vector WHERE id > 20;
            DELETE FROM notes WHERE id > 3980;
            CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END';
            CREATE TRIGGER be_slow BEFORE UPDATE ON notes FOR EACH ROW WHEN (NEW.id <= 20) EXECUTE FUNCTION be_slow();
            UPDATE notes SET embedding_rule = (SELECT rule FROM embedding.rules), content_hash = 'x', embedding_state = 'failed'
            WHERE  id > 20;
            ALTER DATABASE "{_database.Name}" SET statement_timeout = '100ms';
            DO $$ BEGIN IF current_setting('server_version_num')::int >= 170000 THEN EXECUTE
                'ALTER DATABASE "{_database.Name}" SET transaction_timeout = ''300ms'''; END IF; END $$;
            """);
        await using var source = Database.Open(_database.ConnectionString + ";Application Name=limited");
        await using var limited = new DeclaredCorpus(source, Declarations.Notes());

        await limited.Migrate();
        Assert.Equal(20, (await limited.Run()).Counts.Embedded);

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname = 'embedding_hnsw_notes'"));
    }
}
