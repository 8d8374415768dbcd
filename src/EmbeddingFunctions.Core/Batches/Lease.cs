using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Keeps the claims of batches that are at work.</summary>
internal sealed class LeaseKeeper(ClaimStore claims, TimeProvider time)
{
    public Lease Keep(Claim claim) => new(claim, claims, time);
}

/// <summary>Renews a claim while its batch is at work.</summary>
internal sealed class Lease : IAsyncDisposable
{
    private static readonly TimeSpan _beat = TimeSpan.FromSeconds(10);

    private readonly Claim _claim;
    private readonly ClaimStore _claims;
    private readonly CancellationTokenSource _done = new();
    private readonly Task _beating;

    public Lease(Claim claim, ClaimStore claims, TimeProvider time)
    {
        (_claim, _claims) = (claim, claims);
        _beating = Beat(time);
    }

    /// <summary>Gives back at once, and without charge, what the batch still holds; if the database is away, the lease runs out.</summary>
    public async Task Release()
    {
        try
        {
            await _claims.Release(_claim, CancellationToken.None);
        }
        catch (Exception e) when (IsOfTheDatabase(e))
        {
            // The batch's own result is still reported.
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
                await _claims.Renew(_claim, _done.Token);
                Checkpoints.Reach(Checkpoint.DuringHeartbeat);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (IsOfTheDatabase(e))
            {
                // The next beat may get through; if the lease runs out before, the token decides whose write counts.
            }
        }
    }

    private static bool IsOfTheDatabase(Exception e) => e is NpgsqlException or TimeoutException;
}
