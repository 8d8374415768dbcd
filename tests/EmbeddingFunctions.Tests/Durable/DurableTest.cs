using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Testing.Durable;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>A database, a fake provider, and a durable host between them.</summary>
public abstract class DurableTest : IAsyncLifetime
{
    /// <summary>All requests but the first; until one call has succeeded the others wait for it.</summary>
    private protected static Requests AfterTheFirst { get; } = Requests.Where(request => request.Number > 1);

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    private protected TestWorkspace Workspace { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    private protected DurableHost Host { get; private set; } = null!;

    private protected RunScheduler Desk => Engine.Get<RunScheduler>();

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Migrated();
        Workspace = new TestWorkspace(Database);
        Engine = new TestEngine(Database, Fake);
        Host = await DurableHost.Start(Engine.Get<RunActivities>());
    }

    public async Task DisposeAsync()
    {
        await Host.DisposeAsync();
        await Engine.DisposeAsync();
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    /// <summary>Asks for a run as an HTTP event does.</summary>
    private protected async Task<Guid> Ask(RunRequest? request = null) =>
        (await Desk.Ask(Host.Engine, request ?? new RunRequest("workspace", []), eventId: null, default))!.Id;

    /// <summary>Asks for a run that waits for its start slot until the test fires the timers.</summary>
    private protected async Task<Guid> AskWaiting()
    {
        Host.Backend.HoldsTimers = true;
        await Database.Execute(
            """
            INSERT INTO embedding.start_slots (corpus, arrival) VALUES ('workspace', now() + interval '1 hour')
            ON CONFLICT (corpus) DO UPDATE SET arrival = EXCLUDED.arrival
            """);
        var run = await Ask();
        await Until(async () =>
            await Desk.Note(Host.Engine, run, default) is { } note
                && note.StartsWith("waiting for a start slot", StringComparison.Ordinal));
        return run;
    }

    private protected async Task<(string Status, string? Error)> Job(Guid run)
    {
        var row = Assert.Single(await Database.Rows("SELECT status, error_message FROM embedding.jobs WHERE id = $1", run));
        return ((string)row[0]!, (string?)row[1]);
    }

    private protected static async Task Until(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!await holds())
        {
            await Task.Delay(20, patience.Token);
        }
    }
}
