using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Whether a host can do its work now: asks the database a little, the provider nothing.</summary>
public sealed class Health
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _bound;
    private readonly CorpusSet _corpora;
    private readonly ProviderGate _gate;
    private readonly Redaction _redaction;

    internal Health(NpgsqlDataSource database, BoundCorpora bound, CorpusSet corpora, ProviderGate gate, Redaction redaction) =>
        (_database, _bound, _corpora, _gate, _redaction) = (database, bound, corpora, gate, redaction);

    public async Task<HealthReport> Check(CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(_patience);
        var checks = new List<HealthCheck> { await Try("database", Reach) };
        if (checks[0].IsHealthy)
        {
            foreach (var corpus in _corpora.All)
            {
                checks.Add(await Try($"corpus {corpus.Name}", token => _bound.Get(corpus.Name, token)));
            }
        }

        var stopped = _gate.StoppedBecause;
        checks.Add(new HealthCheck("provider", stopped is null, stopped is null ? null : _redaction.Clean(stopped)));
        return new HealthReport(checks.TrueForAll(check => check.IsHealthy), checks);

        async Task<HealthCheck> Try(string name, Func<CancellationToken, Task> check)
        {
            try
            {
                await check(patience.Token);
                return new HealthCheck(name, true, null);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                return new HealthCheck(name, false, $"No answer within {_patience.TotalSeconds:0} seconds.");
            }
            catch (CorpusException e)
            {
                return new HealthCheck(name, false, _redaction.Clean(e.Message));
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or Azure.Identity.AuthenticationFailedException)
            {
                // Anybody may ask: what the server says, its name and its user are for the log.
                return new HealthCheck(name, false, "It cannot be reached.");
            }
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
