using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>A migrated database, a fake provider, and the program on both.</summary>
public abstract class ProgramTest : IAsyncLifetime
{
    private protected const int Batch = 20;

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    private protected TestWorkspace Workspace { get; private set; } = null!;

    private protected Program Program { get; private set; } = null!;

    private protected virtual FakeOpenAiOptions Options { get; } = new();

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync(Options);
        Database = await TestDatabase.Migrated();
        Workspace = new TestWorkspace(Database);
        Program = new Program(Database, Fake);
    }

    public async Task DisposeAsync()
    {
        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    private protected Task<Result> Backfill(params string[] options) => Program.Run(["backfill", "workspace", "--json", .. options]);

    /// <summary>Lets any number of runs start: five a minute is a rule of its own, with its own tests.</summary>
    private protected Task AllowStarts() => Database.Execute("DELETE FROM embedding.start_slots");

    /// <summary>As if the corpus's present moment had been served, so that only events start runs.</summary>
    private protected Task AsIfServed() => Database.Execute(
        "INSERT INTO embedding.jobs (id, corpus, kinds, status, due_at, completed_at) VALUES (gen_random_uuid(), 'workspace', '{}', "
            + "'completed', now() + interval '50 seconds', now())");

    /// <summary>As if a run of another host waited for its start a few minutes from now: later ones wait behind it.</summary>
    private protected Task LetARunWait() => Database.Execute(
        """
        INSERT INTO embedding.start_slots VALUES ('workspace', now() + interval '6 minutes');
        INSERT INTO embedding.jobs (id, corpus, kinds, host, starts_at) VALUES (gen_random_uuid(), 'workspace', '{}', 'functions', now() +
            interval '5 minutes');
        """);

    /// <summary>As if half a minute had passed since a process died with its claims, and a minute since its run was heard of.</summary>
    private protected async Task ForgetTheDead()
    {
        await Database.Execute("UPDATE embedding.claims SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL");
        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 minute' WHERE status = 'processing'");
    }

    /// <summary>Asks it to stop, which it must do within ten seconds, as interrupted.</summary>
    private protected static async Task<Result> Interrupt(Running running, int signal)
    {
        var asked = Stopwatch.StartNew();
        running.Signal(signal);
        var result = (await running.Ended()).Exits(130);
        Assert.True(asked.Elapsed < TimeSpan.FromSeconds(10), $"It took {asked.Elapsed}.");
        return result;
    }

    private protected Task<long> Claims() => Database.Ask<long>("SELECT count(*) FROM embedding.claims");

    /// <summary>Nothing lost, nothing stale, nothing held.</summary>
    private protected async Task AssertWhole(string table = "issues", string label = "[ISSUE]")
    {
        Assert.Equal(0, await Workspace.Pending());
        Assert.Equal(await Database.Ask<long>($"SELECT count(*) FROM {table}"), await Workspace.Embedded(table));
        Assert.Empty(await Workspace.Stale(table, label));
        Assert.Equal(0, await Claims());
    }
}
