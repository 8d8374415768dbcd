using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Whether a host can do its work now: asks the database a little, the provider nothing. Anybody may ask, so it repeats no other's words.</summary>
public sealed class Health
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _bound;
    private readonly ProviderCheck _provider;

    internal Health(NpgsqlDataSource database, BoundCorpora bound, ProviderCheck provider) => (_database, _bound, _provider) = (database, bound, provider);

    public async Task<HealthReport> Check(CancellationToken cancellation)
    {
        var checks = new List<HealthCheck> { await Try("database", Reach) };
        IReadOnlyList<Corpus> migrated = [];
        if (checks[0].IsHealthy)
        {
            var corpora = await Try("corpora", async token => migrated = await _bound.Migrated(token));
            checks.AddRange(corpora.IsHealthy ? [] : [corpora]);
            foreach (var corpus in migrated)
            {
                checks.Add(await Try($"corpus {corpus.Name}", token => _bound.Get(corpus.Name, token)));
            }
        }

        checks.Add(await Try("provider", token => DemandProvider(migrated, token)));
        return new HealthReport(checks.TrueForAll(check => check.IsHealthy), checks);

        async Task<HealthCheck> Try(string name, Func<CancellationToken, Task> check)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(_patience);
            try
            {
                await check(patience.Token);
                return new HealthCheck(name, true, null);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                return new HealthCheck(name, false, $"No answer within {_patience.TotalSeconds:0} seconds.");
            }
            catch (ProviderException)
            {
                return new HealthCheck(name, false, "It refuses all calls: key, quota, model or address are at fault. 'embeddings doctor' says more.");
            }
            catch (CorpusException)
            {
                return new HealthCheck(name, false, "The database is not ready for it. 'embeddings doctor' says more.");
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or Azure.Identity.AuthenticationFailedException)
            {
                return new HealthCheck(name, false, "It cannot be reached.");
            }
        }
    }

    private async Task DemandProvider(IReadOnlyList<Corpus> corpora, CancellationToken cancellation)
    {
        foreach (var corpus in corpora)
        {
            await _provider.DemandNotStopped(corpus, cancellation);
        }
    }

    private async Task Reach(CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand("SELECT 1");
        await command.ExecuteScalarAsync(cancellation);
    }
}

public sealed record HealthReport(bool IsHealthy, IReadOnlyList<HealthCheck> Checks);

/// <param name="Problem">What is wrong, without a secret.</param>
public sealed record HealthCheck(string Name, bool IsHealthy, string? Problem);
