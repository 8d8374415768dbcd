using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Each command on a table with columns, vectors or a corpus of others: nothing of theirs is touched, and it is said.</summary>
public sealed class OwnersTableTests : IAsyncLifetime, IDisposable
{
    private readonly TestFolder _folder = new();
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            "CREATE EXTENSION vector; CREATE TABLE t1 (id int PRIMARY KEY, t text); INSERT INTO t1 SELECT n, 'row ' || n FROM "
                + "generate_series(1, 50) n");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [
        InlineData(
            "content_hash text NOT NULL DEFAULT 'mine', ADD COLUMN embedding_model text",
            "the column t1.content_hash is not ours, and has 50 values: declare another name for ours, \"columns\": { \"contentHash\"",
            "text: all columns with text, t.")]
    [
        InlineData(
            "embedding vector(32) DEFAULT array_fill(0.5, ARRAY[32])::vector",
            "50 vectors are there in t1.embedding, made by another program: declare another column, \"vector\"",
            "vectors: 50 are there in t1.embedding, made by another program")]
    public async Task D1_D2_columns_and_vectors_of_others_are_reported_by_each_command_and_not_touched(
        string column, string told, string toldByInit)
    {
        await _database.Execute($"ALTER TABLE t1 ADD COLUMN {column}");
        var before = await Contents();
        var program = Program("c");

        Assert.Contains(told, (await program.Run("corpus", "check")).Exits(2).Out, StringComparison.Ordinal);
        (await program.Run("corpus", "init", "t1")).Exits(0).Says(toldByInit);
        (await program.Run("migrate", "c")).Exits(2).Says(told);
        (await program.Run("backfill", "c", "--dry-run")).Exits(2).Says(told);
        (await program.Run("backfill", "c")).Exits(2).Says(told);
        (await program.Run("status")).Exits(2).Says(told);
        Assert.Contains("nothing to do", (await program.Run("migrate", "c", "--down", "--yes")).Exits(0).Out, StringComparison.Ordinal);

        Assert.Equal(before, await Contents());
    }

    [Fact]
    public async Task D2_a_vector_column_that_was_taken_over_is_left_by_a_removal_and_by_uninstall_which_say_so()
    {
        await _database.Execute("ALTER TABLE t1 ADD COLUMN embedding vector(32) DEFAULT array_fill(0.5, ARRAY[32])::vector");
        var program = Program("c");
        (await program.Run("migrate", "c", "--take-over")).Exits(0);
        (await program.Run("backfill", "c")).Exits(0);

        const string Told = "  - the column t1.embedding, which was there before";
        var down = (await program.Run("migrate", "c", "--down", "--yes")).Exits(0).Out;
        Assert.Contains(Told, down, StringComparison.Ordinal);
        (await program.Run("migrate", "c", "--take-over")).Exits(0);
        var uninstalled = (await program.Run("uninstall", "--yes")).Exits(0).Out;
        Assert.Contains(Told, uninstalled, StringComparison.Ordinal);

        Assert.Equal(50, await _database.Ask<long>("SELECT count(embedding) FROM t1"));
        Assert.Equal("embedding,id,t", await Columns());
    }

    [Fact]
    public async Task D3_a_second_corpus_over_a_table_is_refused_by_each_command_with_the_name_of_the_first()
    {
        (await Program("a").Run("migrate", "a")).Exits(0);
        (await Program("a").Run("backfill", "a")).Exits(0);
        var before = await Contents();
        var second = Program("b");

        const string Told = "the table t1 is embedded by the corpus 'a' already";
        foreach (
            var command in new[]
            {
                "corpus check", "corpus check b", "status", "status b", "migrate b", "migrate b --yes", "migrate b --take-over",
                "backfill b", "backfill b --dry-run"
            })
        {
            var refused = (await second.Run(command.Split(' '))).Exits(2);
            Assert.Contains(Told, refused.Out + refused.Error, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"\b42\w{3}\b", refused.Out + refused.Error);
        }

        Assert.Contains($"FAIL corpus b: The corpus 'b' does not fit", (await second.Run("doctor")).Exits(1).Out, StringComparison.Ordinal);
        (await second.Run("migrate", "b", "--down", "--yes")).Exits(0);
        Assert.Equal(before, await Contents());
        (await Program("a").Run("doctor")).Exits(0);
    }

    [Theory]
    [InlineData("ALTER TABLE t1 RENAME t TO u", "UPDATE t1 SET u = 'edited'", "the table t1 has no column 't'")]
    [InlineData("ALTER TABLE t1 RENAME TO t2", "UPDATE t2 SET t = 'edited'", "there is no table 't1'")]
    [InlineData("ALTER TABLE t1 DROP COLUMN content_hash CASCADE", "UPDATE t1 SET t = 'edited'", "the column t1.content_hash is gone")]
    [InlineData("ALTER TABLE t1 DROP COLUMN embedding", "UPDATE t1 SET t = 'edited'", "the column t1.embedding is gone")]
    public async Task D10_a_table_that_was_altered_since_lets_its_owner_write_and_is_a_misfit_to_each_command(
        string alter, string write, string told)
    {
        var program = Program("c");
        (await program.Run("migrate", "c")).Exits(0);
        (await program.Run("backfill", "c")).Exits(0);

        await _database.Execute($"{alter}; {write}");

        foreach (var (command, exitCode) in new[] { ("corpus check", 2), ("status", 2), ("status c", 2), ("doctor", 1) })
        {
            var refused = (await program.Run(command.Split(' '))).Exits(exitCode);
            Assert.Contains(told, refused.Out + refused.Error, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"\b42\w{3}\b", refused.Out + refused.Error);
        }
    }

    [Fact]
    public async Task D9_what_searches_use_goes_with_yes_alone_and_is_named_before_and_after()
    {
        (await Program("c").Run("migrate", "c")).Exits(0);
        (await Program("c").Run("backfill", "c")).Exits(0);
        var program = Program("c", vector: "embedding2");

        (await program.Run("migrate", "c")).Exits(0)
            .Says("the column t1.embedding is declared no more, and stays because searches may use it: 'migrate c --yes' drops it")
            .Says("the index embedding_hnsw_t1 is declared no more, and stays because searches may use it");
        Assert.Equal(50, await _database.Ask<long>("SELECT count(embedding) FROM t1"));
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'"));
        (await program.Run("backfill", "c", "--force")).Exits(0);
        (await program.Run("migrate", "c", "--down")).Exits(2)
            .Says("t1: the columns embedding, ").Says("embedding2").Says("with 100 vectors").Says("Add --yes to do it.");

        (await program.Run("migrate", "c", "--yes")).Exits(0)
            .Says("dropping the index embedding_hnsw_t1, which is declared no more")
            .Says("dropping the column t1.embedding, which is declared no more");
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'"));
        Assert.Equal(50, await _database.Ask<long>("SELECT count(embedding2) FROM t1"));
        (await program.Run("migrate", "c", "--down", "--yes")).Exits(0);
        Assert.Equal("id,t", await Columns());
    }

    private Task<string?> Columns() => _database.Ask<string>(
        "SELECT string_agg(attname, ',' ORDER BY attname) FROM pg_attribute WHERE attrelid = 't1'::regclass AND attnum > 0 AND NOT "
            + "attisdropped");

    private Task<string?> Contents() => _database.Ask<string>("SELECT string_agg(t1::text, ';' ORDER BY id) FROM t1");

    /// <summary>With a declaration of one corpus over the table, and the lexical provider.</summary>
    private Program Program(string name, string vector = "embedding")
    {
        var file = Path.Combine(_folder.Path, $"{name}-{vector}.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name, dimensions = 32, store = "column", tables = new[] { new { kind = "k", table = "t1", text = "{t}", vector } }
                },
            },
        }));
        return new Program(_folder.Path).Set("DATABASE_URL", _database.ConnectionString).Set("CORPORA_FILE", file);
    }
}
