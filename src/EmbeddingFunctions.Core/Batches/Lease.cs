using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Keeps the claims of batches that are at work.</summary>
internal sealed class LeaseKeeper(ClaimStore claims, DatabaseOutages outages, TimeProvider time, ILogger<LeaseKeeper> log)
{
    public Lease Keep(Claim claim) => new(claim, claims, outages, time, log);
}

/// <summary>Renews a claim while its batch is at work.</summary>
internal sealed class Lease : IAsyncDisposable
{
    private const string Renewing = "the renewal of leases";

    private static readonly TimeSpan _beat = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _ending = TimeSpan.FromSeconds(1);

    private readonly Claim _claim;
    private readonly ClaimStore _claims;
    private readonly DatabaseOutages _outages;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _done = new();
    private readonly Task _beating;

    public Lease(Claim claim, ClaimStore claims, DatabaseOutages outages, TimeProvider time, ILogger log)
    {
        (_claim, _claims, _outages, _log) = (claim, claims, outages, log);
        _beating = Beat(time);
    }

    /// <summary>Gives back at once, and without charge, what the batch still holds; if the database is away, the lease runs out.</summary>
    public async Task ReleaseUncharged()
    {
        try
        {
            await _claims.ReleaseUncharged(_claim, CancellationToken.None);
        }
        catch (Exception e) when (IsOfTheDatabase(e))
        {
            // The batch's own result is still reported.
            _outages.Failed("the return of claims", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _done.CancelAsync();
        await _beating;
        _done.Dispose();
    }

    private async Task Beat(TimeProvider time)
    {
        using var timer = new PeriodicTimer(_beat, time);
        while (true)
        {
            try
            {
                await timer.WaitForNextTickAsync(_done.Token);
                var held = await _claims.Renew(_claim, _done.Token);
                _outages.Answered(Renewing);
                Checkpoints.Reach(Checkpoint.DuringHeartbeat);
                if (held == 0)
                {
                    // Unless the batch has just written all, and ends.
                    await Task.Delay(_ending, time, _done.Token);
                    _log.LeaseIsLost(_claim.RunId, _claim.Table.Kind, _claim.Partition, _claim.Items.Count);
                    return;
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (IsOfTheDatabase(e))
            {
                // The next beat may get through; if the lease runs out before, the token decides whose write counts.
                _outages.Failed(Renewing, e);
            }
        }
    }

    private static bool IsOfTheDatabase(Exception e) => e is NpgsqlException or TimeoutException;
}
