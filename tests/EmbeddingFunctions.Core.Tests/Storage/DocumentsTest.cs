using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A database migrated for the shipped corpus of documents alone, and a fake provider.</summary>
public abstract class DocumentsTest : IAsyncLifetime
{
    private protected TestDatabase Database { get; private set; } = null!;

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Empty();
        Engine = new TestEngine(Database, Fake);
        await Engine.Get<Migrator>().Migrate(Engine.Get<CorpusSet>().Get("documents"), withSampleTables: true, null, default);
    }

    public async Task DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>Adds a number of them, with ids from 1 where they are the first.</summary>
    private protected Task Documents(int count, string archive = "laws.tar.bz2", string words = "section") => Database.Execute(
        "INSERT INTO lovdata_documents (archive_filename, member, title, content) SELECT $2, $3 || n, 'Act ' || n, $3 || ' ' || n || ' of "
            + "' || $2 FROM generate_series(1, $1) n",
        count, archive, words);

    private protected Task<long> Id(string content) =>
        Database.Ask<long>(
            "INSERT INTO lovdata_documents (archive_filename, member, content) VALUES ('one.tar.bz2', gen_random_uuid()::text, $1) "
                + "RETURNING id",
            content);

    private protected Task<RunOutcome> Backfill(RunRequest? request = null) => Engine.Run(request ?? Request());

    private protected RunRequest Request(string? archive = null, long? fromId = null) =>
        new("documents", [], Concurrency: Engine.Settings.BatchesInFlight)
        {
            Selection = archive is null && fromId is null
            ? null
            : new Selection(archive is null ? new Dictionary<string, string>() : new() { ["archive"] = archive }, fromId),
        };

    private protected Task<long> Embedded(string condition = "true") =>
        Database.Ask<long>($"SELECT count(*) FROM lovdata_documents WHERE embedding IS NOT NULL AND {condition}");
}
