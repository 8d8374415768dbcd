using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>A database with the sample tables of sessions and summaries, migrated for both.</summary>
public abstract class QueueTest : IAsyncLifetime
{
    private protected TestDatabase Database { get; private set; } = null!;

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    public virtual async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Empty();
        Engine = new TestEngine(Database, Fake);
        await Migrate("sessions");
        await Migrate("summaries");
    }

    public async Task DisposeAsync()
    {
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    private protected Task Migrate(string corpus) =>
        Engine.Get<Migrator>().Migrate(Engine.Get<CorpusSet>().Get(corpus), withSampleTables: true, null, default);

    private protected Task<Guid> Session(string? title) =>
        Database.Ask<Guid>("INSERT INTO sessions (title) VALUES ($1) RETURNING id", title);

    private protected Task<RunOutcome> Drain(string corpus = "sessions") =>
        Engine.Run(new RunRequest(corpus, [], Concurrency: Engine.Settings.BatchesInFlight));

    /// <summary>How the queue's row of an item stands, and why.</summary>
    private protected async Task<string> Row(Guid id) =>
        await Database.Ask<string>(
            "SELECT status || COALESCE(': ' || error_message, '') FROM embedding_queue WHERE record_id = $1", id.ToString())
            ?? "no row";

    private protected Task<bool> HasVector(Guid id) =>
        Database.Ask<bool>("SELECT title_embedding IS NOT NULL FROM sessions WHERE id = $1", id);

    /// <summary>As the older system's guide has it.</summary>
    private protected Task Requeue(Guid id) => Database.Execute(
        """
        INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, user_id)
        SELECT 'sessions', id, title, 'title_embedding', user_id
        FROM sessions
        WHERE id = $1
        ON CONFLICT (table_name, record_id, embedding_column)
        DO UPDATE SET status = 'pending'
        """, id);
}
