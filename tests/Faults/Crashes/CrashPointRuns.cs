using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Crashes;

/// <summary>
/// All crash points at once, a few at a time: each waits for a lease to run out, which takes half a minute without work.
/// </summary>
public sealed class CrashPointRuns
{
    public const int Batch = 5;

    private const int AtOnce = 9;
    private const int ItemsLater = 20;

    private readonly SemaphoreSlim _turns = new(AtOnce);
    private readonly Dictionary<string, Task<Recovery>> _runs;

    public CrashPointRuns() => _runs = Cases.ToDictionary(fault => fault.ToString(), Run);

    /// <summary>Every point at its first and second passing.</summary>
    internal static IReadOnlyList<FaultPoint> Cases { get; } =
        Enum.GetValues<CrashPoint>().SelectMany(point => new[] { new FaultPoint(point, 1), new FaultPoint(point, 2) }).ToList();

    internal Task<Recovery> Of(string fault) => _runs[fault];

    private async Task<Recovery> Run(FaultPoint fault)
    {
        await _turns.WaitAsync();
        try
        {
            return await Crash(fault);
        }
        finally
        {
            _turns.Release();
        }
    }

    // As many batches as passings: so it is known what each had come to when the last of them killed the process.
    private static async Task<Recovery> Crash(FaultPoint fault)
    {
        await using var fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { Latency = TimeSpan.FromMilliseconds(30) });
        await using var database = await TestDatabase.Migrated();
        var workspace = new TestWorkspace(database);
        await ClaimAudit.Begin(database);
        await workspace.Items(await workspace.Repository("acme/one"), Batch * fault.Occurrence, words: "first");
        if (fault.Point == CrashPoint.DuringWrite)
        {
            // The server is at it still when the process is gone.
            await new SqlFaults(database).Slow(TimeSpan.FromMilliseconds(50));
        }

        var first = await Die(fault, database, fake);
        var dead = Stopwatch.StartNew();
        await workspace.Items(await workspace.Repository("acme/two"), ItemsLater, words: "later");
        await using var worker = Worker.Start("worker-2", database, fake);
        (await worker.Ended()).Exits(0);
        return new Recovery(first, dead.Elapsed, fake.DuplicatePaidInputs, await new Oracle(database, fake).Violations(long.MaxValue));
    }

    private static async Task<int> Die(FaultPoint fault, TestDatabase database, FakeOpenAi fake)
    {
        // A heartbeat comes after ten seconds at work.
        using var hold = fault.Point == CrashPoint.DuringHeartbeat ? fake.Hold() : null;
        // A run ends once, so the second end is another run's.
        string[] iterations = fault is { Point: CrashPoint.DuringFinalise, Occurrence: > 1 }
            ? ["--iterations", "3", "--page-size", $"{Batch}", "--delay", "0s"]
            : [];
        await using var worker = Worker.Start(
            "worker-1", database, fake, new Dictionary<string, string>
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
                [FaultPoint.Variable] = fault.ToString(),
            },
            ["--batch-size", $"{Batch}", .. iterations]);
        return (await worker.Ended()).ExitCode;
    }

    /// <param name="ExitCode">Of the process that was to die.</param>
    /// <param name="Took">From its death until another had done everything.</param>
    internal sealed record Recovery(int ExitCode, TimeSpan Took, long PaidTwice, IReadOnlyList<string> Violations);
}
