using System.Diagnostics;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>An outage is never silent: of Redis, and of the provider.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task A_Redis_that_is_not_there_is_reported_by_doctor_health_and_status_with_what_is_lost()
    {
        var port = RedisProxy.FreePort();
        await using var engine = Engine(settings => settings with { RedisUrl = $"redis://127.0.0.1:{port}" });

        var finding = Assert.Single(await Examine(engine), finding => finding.Subject == "redis");
        var health = await engine.Get<Health>().Check(default);
        var status = await engine.Get<StatusReport>().Of("workspace", default);

        Assert.False(finding.IsWell);
        Assert.Contains($"127.0.0.1:{port}", finding.Message, StringComparison.Ordinal);
        Assert.Contains("REDIS_URL", finding.Advice, StringComparison.Ordinal);
        Assert.Equal((true, "degraded"), (health.IsHealthy, health.Status));
        var check = Assert.Single(health.Checks, check => check.Name == "redis");
        Assert.All(
            [finding.Message, check.Problem!, status.Redis!.Problem!],
            text => Assert.Contains(RedisCheck.Meanwhile, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_Redis_that_answers_is_well()
    {
        await using var engine = Engine(settings => settings with { RedisUrl = TestRedis.Url });

        Assert.True(Assert.Single(await Examine(engine), finding => finding.Subject == "redis").IsWell);
        Assert.Equal("healthy", (await engine.Get<Health>().Check(default)).Status);
        Assert.Null((await engine.Get<StatusReport>().Of("workspace", default)).Redis!.Problem);
    }

    [Fact]
    public async Task Without_a_Redis_in_the_settings_nothing_is_said_of_one()
    {
        await using var engine = Engine();

        Assert.DoesNotContain(await Examine(engine), finding => finding.Subject == "redis");
        Assert.DoesNotContain((await engine.Get<Health>().Check(default)).Checks, check => check.Name == "redis");
    }

    [Fact]
    public async Task A_provider_that_fails_makes_a_host_degraded_until_it_answers()
    {
        await using var engine = Engine();
        await Items(1);
        await engine.Run();
        Assert.Equal("healthy", (await engine.Get<Health>().Check(default)).Status);
        using (_fake.Script(Requests.All, Fault.ServerError()))
        {
            await Items(1);
            using var stopping = new CancellationTokenSource();
            var run = engine.Run(stopping: stopping.Token);
            await _fake.WaitForRequestsAsync(1 + 5);
            await Until(async () => (await engine.Get<Health>().Check(default)).Status == "degraded");
            var provider = Assert.Single((await engine.Get<Health>().Check(default)).Checks, check => check.Name == "provider");
            Assert.True(provider.IsHealthy);
            Assert.StartsWith("It failed", provider.Problem, StringComparison.Ordinal);
            await stopping.CancelAsync();
            await run;
        }

        await engine.Get<ProviderCheck>().Resume(engine.Get<CorpusSet>().Get("workspace"), default);
        Assert.Equal("healthy", (await engine.Get<Health>().Check(default)).Status);
    }

    [Fact]
    public async Task A_run_against_an_address_at_which_nothing_listens_fails_within_half_a_minute_and_says_why()
    {
        await using var engine = Engine(settings => settings with { BaseUrl = new Uri($"http://127.0.0.1:{RedisProxy.FreePort()}/v1/") });
        await Items(30);
        var watch = Stopwatch.StartNew();

        var outcome = await engine.Run();

        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        Assert.Contains("is the provider's address right? Nothing has answered there yet.", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.failures"));
    }

    [Fact]
    public async Task A_run_is_logged_when_it_begins_every_half_minute_and_when_it_ends()
    {
        var (clock, log) = (new Resilience.ManualClock(), new LogLines<BackgroundEngine>());
        await using var engine = Engine();
        await Items(30);
        using var background = new BackgroundEngine(engine.Get<InProcessEngine>(), engine.Get<Redaction>(), clock, log);
        using (_fake.Hold())
        {
            await background.Begin(new RunInput(Guid.CreateVersion7(), new RunRequest("workspace", [])), default);
            await _fake.WaitForRequestsAsync(1);
            await log.Wait(1);
            clock.Advance(TimeSpan.FromSeconds(61));
            await log.Wait(3);
        }

        await log.Wait(4);
        Assert.Equal(
            [
                "of workspace begins, 30 items are pending",
                "of workspace: 0 of 30 items so far, 0 failed",
                "of workspace: 0 of 30 items so far, 0 failed",
            ],
            log.All.Take(3).Select(line => line.Line[(line.Line.IndexOf("of workspace", StringComparison.Ordinal))..].TrimEnd()));
        Assert.Contains("Completed, 30 of 30 items", log.All[3].Line, StringComparison.Ordinal);
        Assert.All(log.Levels, level => Assert.Equal(LogLevel.Information, level));
    }

    [Fact]
    public async Task A_run_that_waits_for_its_start_has_not_begun()
    {
        var log = new LogLines<BackgroundEngine>();
        await using var engine = Engine();
        await Items(1);
        await _database.Execute("INSERT INTO embedding.start_slots (corpus, arrival) VALUES ('workspace', now() + interval '5 minutes')");
        using var background = new BackgroundEngine(engine.Get<InProcessEngine>(), engine.Get<Redaction>(), TimeProvider.System, log);
        var (run, request) = (Guid.CreateVersion7(), new RunRequest("workspace", []));
        await engine.Get<RunTransitions>().Record(request, run, RunHost.Server, dueAt: null, default);

        await background.Begin(new RunInput(run, request) { IsRecorded = true }, default);
        await Until(
            async () =>
                (await background.Find(run, default))?.Note is { } note && note.StartsWith("waiting for", StringComparison.Ordinal));

        Assert.Empty(log.All);
        await background.Stop();
    }

    [Fact]
    public async Task A_run_that_failed_altogether_is_logged_as_an_error()
    {
        var log = new LogLines<BackgroundEngine>();
        await using var engine = Engine();
        await Items(5);
        _fake.Script(Requests.All, Fault.BadKey());
        using var background = new BackgroundEngine(engine.Get<InProcessEngine>(), engine.Get<Redaction>(), TimeProvider.System, log);

        await background.Begin(new RunInput(Guid.CreateVersion7(), new RunRequest("workspace", [])), default);
        await log.Wait(2);

        Assert.Equal([LogLevel.Information, LogLevel.Error], log.Levels);
    }

    private TestEngine Engine(Func<EmbeddingSettings, EmbeddingSettings>? settings = null) => new(_database, _fake, settings);

    private static Task<IReadOnlyList<Finding>> Examine(TestEngine engine) =>
        engine.Get<Doctor>().Examine(engine.Get<CorpusSet>().All, default);

    private async Task Items(int count)
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository($"acme/{Guid.NewGuid():N}"), count, words: $"{Guid.NewGuid():N}");
    }

    private static async Task Until(Func<Task<bool>> condition)
    {
        for (var end = DateTime.UtcNow.AddSeconds(60); !await condition(); await Task.Delay(50))
        {
            Assert.True(DateTime.UtcNow < end, "It did not come about.");
        }
    }
}
