namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What is taken from a database, and what stays.</summary>
public sealed class UninstallTests() : SampleProgramTest("sessions")
{
    private const string OfTheProduct =
        """
        SELECT count(*) FROM (
            SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'v', 'i') UNION ALL SELECT proname FROM pg_proc
            UNION ALL SELECT tgname FROM pg_trigger UNION ALL SELECT nspname FROM pg_namespace
            UNION ALL SELECT attname FROM pg_attribute
                WHERE NOT attisdropped
        ) AS found (name)
        WHERE name LIKE '%embedding%' AND name NOT IN ('my_embedding', 'my_embeddings')
        """;

    // The sample table is the owner's once it is there.
    private protected override Task Prepare() => Database.Execute(
        """
        INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 3) n;
        CREATE TABLE my_embeddings (id int, my_embedding vector(3));
        INSERT INTO my_embeddings VALUES (1, '[1,2,3]');
        """);

    [Fact]
    public async Task D15_a_removal_counts_the_cached_vectors_that_stay_and_names_the_command_that_takes_them()
    {
        (await Backfill()).Exits(0);

        var done = (await Program.Run("migrate", "sessions", "--down", "--yes")).Exits(0).Out;

        Assert.Contains("the tables that all corpora share, with 3 cached vectors", done, StringComparison.Ordinal);
        Assert.Contains("'embeddings uninstall' takes away what corpora share", done, StringComparison.Ordinal);
        Assert.Equal(3, await Database.Ask<long>("SELECT count(*) FROM embedding.cache"));
    }

    [Fact]
    public async Task D15_uninstall_shows_what_would_go_takes_it_with_yes_and_nothing_of_others()
    {
        (await Backfill()).Exits(0);
        var made = await Database.Ask<long>(OfTheProduct);

        (await Program.Run("uninstall")).Exits(2)
            .Says("This would go, and not come back:\n  - sessions: sessions: the columns ").Says("with 3 vectors")
            .Says("  - the table embedding.cache\n").Says("  - the table embedding_queue\n").Says("Add --yes to do it.");
        Assert.Equal(made, await Database.Ask<long>(OfTheProduct));

        var done = (await Program.Run("uninstall", "--yes")).Exits(0).Out;
        Assert.Equal(
            "All that the program made is gone. What stays:\n  - the extension vector\n  - your tables\n", done.ReplaceLineEndings("\n"));
        Assert.Equal(0, await Database.Ask<long>(OfTheProduct));
        Assert.Equal(3, await Database.Ask<long>("SELECT count(title) FROM sessions"));
        Assert.Equal(1, await Database.Ask<long>("SELECT count(my_embedding) FROM my_embeddings"));

        Assert.Contains("nothing to do", (await Program.Run("uninstall", "--yes")).Exits(0).Out, StringComparison.Ordinal);
        (await Program.Run("migrate", "sessions")).Exits(0);
        (await Backfill()).Exits(0);
    }
}
