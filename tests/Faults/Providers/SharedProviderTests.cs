using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Faults.Harness;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Providers;

/// <summary>Several real processes call one provider and share what each learns about it.</summary>
public sealed class SharedProviderTests : FaultTest
{
    private static readonly Dictionary<string, string> _settings = new() { ["EMBEDDING_REQUESTS_PER_MINUTE"] = "1200" };

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task I6_Four_workers_together_keep_one_limit()
    {
        await Fill(8, 100);
        var workers = await StartAll(4, _settings);
        await AllEnd(workers, 0);

        AssertPaced();
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F1_When_one_worker_has_to_wait_all_four_wait()
    {
        await Fill(8, 60);
        var workers = await StartAll(4, _settings);
        await Fake.WaitForRequestsAsync(20);
        Fake.Script(Requests.Next(1), Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(5)));
        await AllEnd(workers, 0);

        // What had been let through before is on its way for a moment, on a busy machine for a second.
        var told = Fake.Requests.Single(request => request.Status == 429).ArrivedAt;
        var early = Fake.Requests.Select(request => request.ArrivedAt - told)
            .Where(after => after > TimeSpan.FromSeconds(1.5) && after < TimeSpan.FromSeconds(5));
        Assert.Empty(early);
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F5_A_used_up_quota_costs_one_request_however_many_workers_there_are()
    {
        await Fill(4, 20);
        Fake.Script(Requests.All, Fault.InsufficientQuota());
        await AllEnd(await StartAll(4, _settings), 1);
        Assert.Equal(1, Fake.RequestCount);
        Assert.Equal(0, await Claims());
        var status = (await Program.Set(_settings).Run("status")).Exits(0);
        Assert.Contains("Provider stopped: the provider answered 429 (insufficient_quota)", status.Out, StringComparison.Ordinal);

        (await Program.Run("provider", "resume")).Exits(1);
        Assert.Equal(2, Fake.RequestCount);
        Fake.ClearScript();
        (await Program.Run("provider", "resume")).Exits(0);

        await AllEnd(await StartAll(1, _settings), 0);
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F7_A_refused_key_stops_those_that_use_it_and_another_goes_on_at_once()
    {
        await Fill(2, 20);
        await AllEnd(
            await StartAll(2, new Dictionary<string, string>(_settings) { ["OPENAI_API_KEY"] = "sk-wrong-0123456789abcdef0123" }), 1);
        Assert.Equal(1, Fake.RequestCount);

        await AllEnd(await StartAll(1, _settings), 0);

        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F26_A_provider_that_is_down_is_tried_by_one_worker_at_a_time_and_comes_back_without_a_storm()
    {
        await Fill(8, 40);
        Fake.Script(Requests.All, Fault.ServerError(500));
        var workers = await StartAll(4, _settings);
        await Fake.WaitForRequestsAsync(1);
        await Task.Delay(TimeSpan.FromSeconds(3));
        var tried = Fake.RequestCount;
        Fake.ClearScript();
        await AllEnd(workers, 0);

        Assert.InRange(tried, 1, 12);
        await Oracle.AssertHolds();
    }

    [Fact]
    public async Task F54_The_limit_is_kept_when_Redis_stops_answering_in_the_middle()
    {
        await Fill(8, 80);
        using var proxy = new TcpProxy(OwnRedis.Host, OwnRedis.Port);
        var redis = new OwnRedis(8).UrlAt($"127.0.0.1:{proxy.Port}");
        var workers = await StartAll(3, new Dictionary<string, string>(_settings) { ["REDIS_URL"] = redis });
        await Fake.WaitForRequestsAsync(20);
        proxy.IsBlackHole = true;
        await AllEnd(workers, 0);

        AssertPaced();
        await Oracle.AssertHolds();
    }

    // Twenty a second are allowed. A busy machine may hold the first ones back.
    private void AssertPaced()
    {
        var arrivals = Fake.Requests.Select(request => request.ArrivedAt).Order().ToList();
        var least = TimeSpan.FromSeconds(0.7 * (arrivals.Count - 1) / 20);
        Assert.True(arrivals[^1] - arrivals[0] >= least, $"{arrivals.Count} requests in {arrivals[^1] - arrivals[0]}.");
    }

    private async Task<IReadOnlyList<Worker>> StartAll(int count, IReadOnlyDictionary<string, string> settings)
    {
        var workers = new List<Worker>();
        for (var i = 1; i <= count; i++)
        {
            await AllowStarts();
            workers.Add(Start($"worker-{i}", settings, "--batch-size", "5"));
        }

        return workers;
    }

    private static async Task AllEnd(IReadOnlyList<Worker> workers, int exitCode)
    {
        foreach (var worker in workers)
        {
            await using (worker)
            {
                (await worker.Ended()).Exits(exitCode);
            }
        }
    }
}
