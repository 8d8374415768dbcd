using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>
/// Whether a host can do its work now: it asks the database and Redis a little, the provider nothing. It is open to all, so it repeats no
/// other's words.
/// </summary>
internal sealed class Health
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _resolved;
    private readonly CorpusFindings _findings;
    private readonly ProviderCheck _provider;
    private readonly RedisCheck _redis;
    private readonly FreshnessReport _freshness;
    private readonly SpendingReport _spending;
    private readonly Redaction _redaction;
    private readonly ILogger _log;

    // By check: the reason that was logged last.
    private readonly ConcurrentDictionary<string, string> _failing = new();

    public Health(NpgsqlDataSource database, ResolvedCorpora resolved, CorpusFindings findings, ProviderCheck provider, RedisCheck redis,
        FreshnessReport freshness, SpendingReport spending, Redaction redaction, ILogger<Health> log)
    {
        (_database, _resolved, _findings, _provider) = (database, resolved, findings, provider);
        (_redis, _freshness, _spending, _redaction, _log) = (redis, freshness, spending, redaction, log);
    }

    public async Task<HealthReport> Check(CancellationToken cancellation)
    {
        var checks = new List<HealthCheck> { await Try("database", Reach) };
        IReadOnlyList<Corpus> migrated = [];
        if (checks[0].IsHealthy)
        {
            var corpora = await Try("corpora", async token => migrated = await _resolved.Migrated(token));
            checks.AddRange(corpora.IsHealthy ? [] : [corpora]);
            foreach (var corpus in migrated)
            {
                checks.Add(await Try($"corpus {corpus.Name}", token => EnsureCorpus(corpus, token)));
            }

            foreach (var corpus in migrated.Where(corpus => corpus is { Freshness: not null, Generation: null or { IsLive: true } }))
            {
                checks.Add(await Degraded($"freshness {corpus.DeclaredName}", token => ExamineFreshness(corpus, token)));
            }

            if (checks.TrueForAll(check => check.IsHealthy))
            {
                checks.Add(await Degraded("spending", ExamineSpending));
            }
        }

        checks.Add(await Degraded("provider", token => ExamineProvider(migrated, token)));
        if (await _redis.Status(cancellation) is { } redis)
        {
            checks.Add(new HealthCheck("redis", true, redis.Problem is null ? null : $"It is unavailable: {RedisCheck.Meanwhile}."));
        }

        return new HealthReport(checks.TrueForAll(check => check.IsHealthy), checks);

        async Task<HealthCheck> Degraded(string name, Func<CancellationToken, Task<string?>> examine)
        {
            string? problem = null;
            var check = await Try(name, async token => problem = await examine(token));
            return check with { Problem = check.Problem ?? problem };
        }

        async Task<HealthCheck> Try(string name, Func<CancellationToken, Task> check)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(_patience);
            try
            {
                await check(patience.Token);
                if (_failing.TryRemove(name, out _))
                {
                    _log.HealthCheckPasses(name);
                }

                return new HealthCheck(name, true, null);
            }
            catch (Exception e) when (Problem(e) is not null && !cancellation.IsCancellationRequested)
            {
                // All may read the answer, and it does not say why; the log does, once.
                var reason = _redaction.Clean(e.Message);
                if (!_failing.TryGetValue(name, out var logged) || logged != reason)
                {
                    _failing[name] = reason;
                    _log.HealthCheckFails(name, reason);
                }

                return new HealthCheck(name, false, Problem(e));
            }
        }
    }

    private static string? Problem(Exception e) => e switch
    {
        OperationCanceledException => $"No answer within {_patience.TotalSeconds:0} seconds.",
        ProviderException => "It refuses all calls: key, quota, model or address are at fault. 'embeddings doctor' says more.",
        DatabaseNotReadyException => "The database is not ready for it. 'embeddings doctor' says more.",
        NpgsqlException or TimeoutException => "It cannot be reached.",
        _ => DatabaseFaults.LacksToken(e) ? "It cannot be reached." : null,
    };

    private async Task EnsureCorpus(Corpus corpus, CancellationToken cancellation)
    {
        var resolved = await _resolved.Get(corpus.Name, cancellation);
        if (await _findings.Faults(resolved, cancellation) is { Count: > 0 } findings)
        {
            throw new DatabaseNotReadyException(string.Join("; ", findings));
        }
    }

    /// <returns>What is wrong with it that it may get over by itself, or null.</returns>
    private async Task<string?> ExamineProvider(IReadOnlyList<Corpus> corpora, CancellationToken cancellation)
    {
        string? problem = null;
        foreach (var corpus in corpora)
        {
            await _provider.EnsureNotStopped(corpus, cancellation);
            problem ??= (await _provider.Status(corpus, cancellation)) switch
            {
                { State: ProviderStatus.Waiting, Until: { } until } =>
                    $"It failed or asked for a pause, and is tried again at {until.UtcDateTime:HH:mm:ss} UTC. 'embeddings status' says "
                        + "more.",
                { State: ProviderStatus.Failing } => "It failed when it was last called. 'embeddings status' says more.",
                _ => null,
            };
        }

        return problem;
    }

    private async Task<string?> ExamineFreshness(Corpus corpus, CancellationToken cancellation) =>
        await _freshness.Recent(corpus.Name, cancellation) is { IsBroken: true }
            ? $"Edits wait longer for their vectors than {corpus.Freshness}, as is declared. 'embeddings status' says more." : null;

    private async Task<string?> ExamineSpending(CancellationToken cancellation) => (await _spending.Of(cancellation)).IsCapReached
        ? "A cap of dollars is reached: what is pending waits until the day or the month is over. 'embeddings status' says more." : null;

    private Task Reach(CancellationToken cancellation) => _database.ExecuteAsync($"SELECT 1", cancellation);
}

internal sealed record HealthReport(bool IsHealthy, IReadOnlyList<HealthCheck> Checks)
{
    /// <summary><c>healthy</c>, <c>degraded</c>: it does its work, slower or later than it should, or <c>unhealthy</c>.</summary>
    [AllowedValues("healthy", "degraded", "unhealthy")]
    public string Status => !IsHealthy ? "unhealthy" : Checks.Any(check => check.Problem is not null) ? "degraded" : "healthy";
}

/// <param name="IsHealthy">Whether the host can do its work: with a problem, it is degraded.</param>
/// <param name="Problem">What is wrong, without a secret.</param>
internal sealed record HealthCheck(string Name, bool IsHealthy, string? Problem);
