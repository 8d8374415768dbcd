using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Faults.Workers;

/// <summary>Machines that disagree about the time.</summary>
public sealed class ClockTests : FaultTest
{
    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task F44_Clocks_ten_minutes_fast_and_slow_take_no_claim_from_each_other()
    {
        await Fill(3, 60);
        var outcomes = await Task.WhenAll(Run(TimeSpan.FromMinutes(-10)), Run(TimeSpan.FromMinutes(10)));

        Assert.Equal(180, outcomes.Sum(outcome => outcome.Counts.Embedded));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) - count(DISTINCT item_id) FROM audit WHERE event = 'taken'"));
        Assert.Equal(180, Fake.PaidInputCount);
    }

    private async Task<RunOutcome> Run(TimeSpan offset)
    {
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = Fake.ApiKey,
            BaseUrl = new Uri(Fake.BaseUrl + "/"),
            RequestsPerMinute = 1_000_000,
        };
        await using var services = new ServiceCollection()
            .AddEmbeddings(settings, Database.Source).AddSingleton<TimeProvider>(new WrongClock(offset)).BuildServiceProvider();
        return await services.GetRequiredService<InProcessEngine>()
            .Run(new RunRequest("workspace", [], Concurrency: 4), null, CancellationToken.None);
    }

    private sealed class WrongClock(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + offset;
    }
}
