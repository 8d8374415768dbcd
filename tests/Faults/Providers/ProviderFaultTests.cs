using System.Globalization;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Providers;

/// <summary>A real process whose provider misbehaves.</summary>
public sealed class ProviderFaultTests : FaultTest
{
    private protected override FakeOpenAiOptions Options => new() { ApiKey = Canary.Key, EchoWholeKey = true };

    [Fact]
    public async Task F15_Replies_cut_off_anywhere_are_asked_for_again_and_nothing_of_them_is_written()
    {
        await Fill(2, 50);
        Fake.Script(Requests.AtRandom(0.25, seed: 15), Fault.OneOf(15,
            Fault.ResetBeforeHeaders(), Fault.ResetAfterHeaders(), Fault.ResetMidBody(), Fault.TruncatedBody(), Fault.CutJson()));
        await using var worker = Start("worker-1", "--batch-size", "5");
        await worker.Ended();

        Fake.ClearScript();
        await Finish();
        await Oracle.AssertHolds(
            Fake.Requests.Where(request => request.Fault is not null and not nameof(Fault.ResetBeforeHeaders))
                .Sum(request => request.InputCount));
    }

    [Fact]
    public async Task F25_A_reply_of_half_a_gigabyte_is_not_taken_into_memory()
    {
        await Fill(1, 20);
        Fake.Script(Requests.Next(1), Fault.HugeBody(500_000_000));
        await using var worker = Start("worker-1");
        var most = await PeakMemory(worker);
        (await worker.Ended()).Exits(0);

        Assert.InRange(most, 1, 450_000_000);
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F58_A_key_that_every_fault_repeats_is_in_no_output_and_in_no_table()
    {
        await Fill(2, 30);
        var poison = await Workspace.Item(await Database.Ask<Guid>("SELECT id FROM repositories LIMIT 1"), "poison");
        var body = $$$"""{"error":{"message":"no good, {{{Canary.Key}}}, Bearer {{{Canary.Key}}}, {{{Uri.EscapeDataString(Canary.Key)}}}","type":"invalid_request_error","param":null,"code":null}}""";
        Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.Status(400, body));
        Fake.Script(
            Requests.AtRandom(0.3, seed: 58), Fault.OneOf(58, Fault.Status(500, body), Fault.Status(429, body), Fault.Status(503, body)));
        await using var worker = Start("worker-1", "--batch-size", "5");
        var said = await worker.Ended();
        Fake.Script(Requests.All, Fault.BadKey());
        var refused = await Backfill("--force");
        var status = await Program.Run("status");
        var doctor = await Program.Run("doctor");

        Assert.NotNull(await Database.Ask<string>("SELECT reason FROM embedding.failures WHERE item_id = $1", poison));
        Assert.All(
            new[] { said, refused, status, doctor },
            result => Assert.False(Canary.IsIn(result.Out + result.Error), result.Out + result.Error));
        Assert.Empty(await Canary.In(Database));
    }

    // The kernel's own high-water mark, while there is a process to ask; elsewhere than on Linux nothing is known.
    private static async Task<long> PeakMemory(Worker worker)
    {
        var most = 1L;
        for (; !worker.Running.HasEnded; await Task.Delay(20))
        {
            var status = $"/proc/{worker.Running.Id}/status";
            try
            {
                var line = File.Exists(status)
                    ? File.ReadLines(status).FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    : null;
                most = Math.Max(
                    most,
                    line is null
                        ? 1
                        : 1_024 * long.Parse(line[6..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // It has just ended.
            }
        }

        return most;
    }
}
