using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>A database that the program itself migrated for one shipped corpus, a fake provider, and the program on both.</summary>
public abstract class SampleProgramTest(string corpus) : IAsyncLifetime
{
    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    private protected Program Program { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Empty();
        Program = new Program(Database, Fake);
        (await Program.Run("migrate", corpus, "--with-sample-tables")).Exits(0);
        await Prepare();
    }

    public async Task DisposeAsync()
    {
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>What else all tests of a class begin with.</summary>
    private protected virtual Task Prepare() => Task.CompletedTask;

    private protected Task<Result> Backfill(string options = "") =>
        Program.Run(["backfill", corpus, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

    private protected Task Clips(int count, string words = "clip", string age = "1 day") => Database.Execute(
        "INSERT INTO clips (title, creator_name, broadcaster_name, game_name, created_at) SELECT $2 || ' ' || n, 'bob', 'ninja', 'Go', "
            + "now() - $3::interval FROM generate_series(1, $1) n",
        count, words, age);

    private protected Task Documents(
        int count, string archive = "gjeldende-lover.tar.bz2", string words = "section", int repeated = 0) => Database.Execute(
        "INSERT INTO lovdata_documents (archive_filename, member, content) SELECT $2, $3 || n, $3 || ' ' || n || repeat(' lov', $4) FROM "
            + "generate_series(1, $1) n",
        count, archive, words, repeated);
}
