using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Alerts;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Alerts;

/// <summary>What the receiver of alerts gets, over real HTTP.</summary>
public sealed class AlertTests : IAsyncLifetime
{
    private const string Secret = "whsec-of-the-receiver";

    private readonly LogLines<AlertWatch> _log = new();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private AlertReceiver _receiver = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _receiver = await AlertReceiver.Start();
    }

    public async Task DisposeAsync()
    {
        await _receiver.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task Of_several_processes_one_tells_of_a_failed_run_and_one_that_it_is_over()
    {
        var engines = Enumerable.Range(0, 4).Select(_ => Engine()).ToList();
        await RunEnded("failed");
        await Task.WhenAll(engines.Select(engine => Watch(engine, times: 3)));
        await RunEnded("failed");
        await Task.WhenAll(engines.Select(engine => Watch(engine, times: 3)));
        var begun = Assert.Single(_receiver.Messages);
        await RunEnded("cancelled");
        await Watch(engines[0]);
        Assert.Single(_receiver.Messages);
        await RunEnded("completed");
        await Task.WhenAll(engines.Select(engine => Watch(engine, times: 3)));

        Assert.Equal(2, _receiver.Messages.Count);
        var over = _receiver.Messages[1];
        Assert.Equal(
            ("begun", "runFailed", "workspace", null),
            ((string)begun["state"]!, (string)begun["kind"]!, (string)begun["subject"]!, begun["endedAt"]));
        Assert.Equal("over", (string)over["state"]!);
        Assert.NotNull(over["endedAt"]);
        Assert.Equal((string)begun["incident"]!, (string)over["incident"]!);
        Assert.NotEqual((string)begun["id"]!, (string)over["id"]!);
        Assert.Contains("'embeddings status workspace' says why", (string)begun["message"]!, StringComparison.Ordinal);
        // Whatever a provider said of a text stays here.
        Assert.DoesNotContain("no quota", begun.ToJsonString(), StringComparison.Ordinal);
        foreach (var engine in engines)
        {
            await engine.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_message_that_was_refused_is_sent_again_later_with_the_same_id_and_before_the_end()
    {
        await using var engine = Engine();
        await RunEnded("failed");
        _receiver.Refuse(2);
        await Watch(engine);
        await RunEnded("completed");
        await Watch(engine);
        Assert.Empty(_receiver.Messages);
        Assert.Equal([false], await Unsent("attempts > 0"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.alerts WHERE NOT is_over AND next_at <= now()"));

        await Due();
        await Watch(engine);
        Assert.Empty(_receiver.Messages);
        await Due();
        await Watch(engine);

        Assert.Equal(["begun", "over"], _receiver.Messages.Select(message => (string)message["state"]!));
        Assert.Empty(await Unsent());
        Assert.Contains(_log.All, line => line.Line.Contains("attempt 2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_message_that_a_process_died_with_is_sent_by_another()
    {
        await using var engine = Engine();
        await RunEnded("failed");
        var incidents = engine.Get<IncidentStore>();
        await incidents.Note(await engine.Get<TroubleReport>().Look(default), TimeSpan.Zero, default);
        Assert.NotNull(await incidents.Next(default));

        await Watch(engine);
        Assert.Empty(_receiver.Messages);
        await Due();
        await Watch(engine);

        Assert.Single(_receiver.Messages);
    }

    [Fact]
    public async Task It_is_signed_with_the_secret_which_is_not_in_it()
    {
        await using var engine = Engine(settings => settings with { AlertSecret = Secret });
        await RunEnded("failed");
        await Watch(engine);

        var (body, signature) = Assert.Single(_receiver.Received);
        var parts = signature!.Split(',');
        var time = long.Parse(parts[0]["t=".Length..], CultureInfo.InvariantCulture);
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{time}."), .. body];
        Assert.Equal(
            $"v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed))}", parts[1]);
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - time, 0, 60);
        Assert.DoesNotContain(Secret, Encoding.UTF8.GetString(body) + signature, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(AlertForm.Slack)]
    [InlineData(AlertForm.Teams)]
    public async Task Slack_and_Teams_get_their_own_forms_in_which_nothing_is_a_command(AlertForm form)
    {
        await using var engine = Engine(settings => settings with { AlertForm = form });
        await engine.Get<IncidentStore>().Note(
            [new(TroubleKind.RunFailed, "<!channel>", "it <!channel> & failed")], TimeSpan.Zero, default);
        await Watch(engine);

        var message = Assert.Single(_receiver.Messages);
        Assert.Null(_receiver.Received[0].Signature);
        if (form == AlertForm.Slack)
        {
            Assert.Equal("it &lt;!channel&gt; &amp; failed", (string)message["text"]!);
        }
        else
        {
            var card = message["attachments"]![0]!;
            Assert.Equal("application/vnd.microsoft.card.adaptive", (string)card["contentType"]!);
            Assert.Equal("it <!channel> & failed", (string)card["content"]!["body"]![0]!["inlines"]![0]!["text"]!);
        }
    }

    [Fact]
    public async Task A_stopped_provider_is_told_without_the_key_and_again_when_it_answers()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 3);
        await using var engine = Engine();
        using (_fake.Script(Requests.All, Fault.BadKey()))
        {
            await engine.Run();
        }

        await Watch(engine);
        var stopped = Assert.Single(_receiver.Messages, message => (string)message["kind"]! == "providerStopped");
        await engine.Get<ProviderCheck>().Resume(engine.Get<CorpusSet>().Get("workspace"), default);
        await Watch(engine);

        Assert.Equal("text-embedding-3-small", (string)stopped["subject"]!);
        Assert.DoesNotContain(_fake.ApiKey, stopped.ToJsonString(), StringComparison.Ordinal);
        Assert.Single(
            _receiver.Messages, message => (string)message["kind"]! == "providerStopped" && (string)message["state"]! == "over");
    }

    [Fact]
    public async Task A_cap_is_told_when_it_stops_a_run_and_is_over_with_the_day()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 50);
        await using var engine = Engine(settings => settings with { MaxDollarsPerDay = 0.0000001m });
        Assert.Equal(RunStatus.CapReached, (await engine.Run()).Status);
        await Watch(engine);

        var reached = Assert.Single(_receiver.Messages);
        Assert.Equal(("capReached", "workspace"), ((string)reached["kind"]!, (string)reached["subject"]!));
        Assert.True((await engine.Get<SpendingReport>().Of(default)).IsCapReached);
        Assert.Contains(
            (await engine.Get<Health>().Check(default)).Checks, check => check is { Name: "spending", IsHealthy: true, Problem: not null });

        await _database.Execute("UPDATE embedding.jobs SET completed_at = completed_at - interval '1 day'");
        await Watch(engine);

        Assert.Equal(["begun", "over"], _receiver.Messages.Select(message => (string)message["state"]!));
        Assert.False((await engine.Get<SpendingReport>().Of(default)).IsCapReached);
    }

    [Fact]
    public async Task Coverage_that_falls_is_told_and_its_return()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 20);
        await using var engine = Engine();
        await engine.Run();
        await Watch(engine);
        await _database.Execute(
            "UPDATE issues SET title = title || ' edited' WHERE id IN (SELECT id FROM issues LIMIT 2)");
        await Watch(engine);
        Assert.Empty(_receiver.Messages);

        await CountAgain();
        await Watch(engine);
        var fallen = Assert.Single(_receiver.Messages);
        await engine.Run();
        await CountAgain();
        await Watch(engine);

        Assert.Equal("coverageFell", (string)fallen["kind"]!);
        Assert.Contains("90.0 %", (string)fallen["message"]!, StringComparison.Ordinal);
        Assert.Equal("over", (string)_receiver.Messages[1]["state"]!);
    }

    [Fact]
    public async Task A_receiver_that_is_away_is_logged_without_its_address()
    {
        var url = _receiver.Url;
        await using var engine = Engine();
        await _receiver.DisposeAsync();
        await RunEnded("failed");
        await Watch(engine);

        Assert.Contains(_log.All, line => line is { Level: LogLevel.Warning } && line.Line.Contains("runFailed", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.All, line => line.Line.Contains(AlertReceiver.Token, StringComparison.Ordinal));
        Assert.DoesNotContain(AlertReceiver.Token, new Redaction(engine.Settings).Clean($"POST {url} failed"), StringComparison.Ordinal);
        _receiver = await AlertReceiver.Start();
    }

    [Fact]
    public async Task Without_an_address_nothing_is_looked_for()
    {
        await using var engine = Engine(settings => settings with { AlertUrl = null });
        await RunEnded("failed");
        await Watch(engine);

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.incidents"));
    }

    [Fact]
    public async Task A_process_that_finds_no_trouble_ends_none_that_another_has_just_found()
    {
        await using var engine = Engine();
        var incidents = engine.Get<IncidentStore>();
        await incidents.Note([new(TroubleKind.FreshnessBroken, "workspace", "late")], TimeSpan.FromMinutes(1), default);
        await incidents.Note([new(TroubleKind.FreshnessBroken, "workspace", null)], TimeSpan.FromMinutes(1), default);
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.incidents WHERE ended_at IS NULL"));

        await _database.Execute("UPDATE embedding.incidents SET seen_at = now() - interval '61 seconds'");
        await incidents.Note([new(TroubleKind.FreshnessBroken, "workspace", null)], TimeSpan.FromMinutes(1), default);

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.incidents WHERE ended_at IS NULL"));
    }

    [Fact]
    public async Task One_process_looks_within_ten_seconds()
    {
        await using var engine = Engine();
        var incidents = engine.Get<IncidentStore>();

        var turns = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => incidents.TakeTurn(TimeSpan.FromSeconds(10), default)));

        Assert.Single(turns, hasTurn => hasTurn);
    }

    private TestEngine Engine(Func<EmbeddingSettings, EmbeddingSettings>? change = null) => new(
        _database.Source, _fake,
        settings => (change ?? (set => set))(settings with { AlertUrl = _receiver.Url }),
        services: services => services.AddSingleton<ILogger<AlertWatch>>(_log));

    private static async Task Watch(TestEngine engine, int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            await engine.Get<AlertWatch>().Tick(default, TimeSpan.Zero);
        }
    }

    private Task RunEnded(string status) => _database.Execute(
        """
        INSERT INTO embedding.jobs (id, corpus, kinds, status, error_message, started_at, completed_at)
        VALUES (gen_random_uuid(), 'workspace', '{}', $1, 'no quota', clock_timestamp(), clock_timestamp())
        """, status);

    private async Task<IEnumerable<bool>> Unsent(string where = "true") =>
        (await _database.Rows($"SELECT is_over FROM embedding.alerts WHERE sent_at IS NULL AND {where}")).Select(row => (bool)row[0]!);

    private Task Due() => _database.Execute("UPDATE embedding.alerts SET next_at = now()");

    private Task CountAgain() => _database.Execute("UPDATE embedding.coverage SET counted_at = counted_at - interval '16 minutes'");
}
