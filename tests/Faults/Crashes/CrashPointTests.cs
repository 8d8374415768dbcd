using Xunit.Abstractions;

namespace EmbeddingFunctions.Faults.Crashes;

/// <summary>The process dies at a border between what is kept and what is not, and another goes on.</summary>
public sealed class CrashPointTests(CrashPointRuns runs, ITestOutputHelper output) : IClassFixture<CrashPointRuns>
{
    private const int Killed = 128 + 9;

    public static TheoryData<string> Cases => new(CrashPointRuns.Cases.Select(fault => fault.ToString()));

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task F36_What_dies_there_loses_nothing_and_is_recovered_within_45_seconds(string fault)
    {
        var recovery = await runs.Of(fault);
        output.WriteLine($"{fault}: recovered in {recovery.Took.TotalSeconds:0.0} s, {recovery.PaidTwice} inputs paid twice.");

        Assert.Equal(Killed, recovery.ExitCode);
        Assert.Empty(recovery.Violations);
        var (least, most) = PaidTwice(FaultPoint.Parse(fault));
        Assert.InRange(recovery.PaidTwice, least, most);
        Assert.True(recovery.Took < TimeSpan.FromSeconds(45), $"It took {recovery.Took}.");
    }

    // Only what was answered and is in no cache is paid for again: at a first passing nothing else is in flight.
    private static (int Least, int Most) PaidTwice(FaultPoint fault) => fault.Point switch
    {
        CrashPoint.AfterResponseBeforeCache => (CrashPointRuns.Batch, CrashPointRuns.Batch * fault.Occurrence),
        CrashPoint.AfterClaim or CrashPoint.BeforeCall => (0, CrashPointRuns.Batch * (fault.Occurrence - 1)),
        // The provider is at it when the process dies, and may count it.
        CrashPoint.DuringHeartbeat => (0, CrashPointRuns.Batch * fault.Occurrence),
        _ => (0, 0),
    };
}
