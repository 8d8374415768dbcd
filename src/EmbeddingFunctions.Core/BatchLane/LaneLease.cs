using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.BatchLane;

/// <summary>Keeps a run on the batch lane for this process while it moves the run on, and says when it is another's.</summary>
internal sealed class LaneLease : IAsyncDisposable
{
    private const string Beating = "the lease of a run on the batch lane";

    private static readonly TimeSpan _beat = LaneStore.LeaseTime / 6;

    private readonly LaneStore _store;
    private readonly LaneRun _run;
    private readonly DatabaseOutages _outages;
    private readonly CancellationTokenSource _held;
    private readonly CancellationTokenSource _done = new();
    private readonly Task _beating;

    public LaneLease(LaneStore store, LaneRun run, DatabaseOutages outages, TimeProvider time, CancellationToken cancellation)
    {
        (_store, _run, _outages, _held) = (store, run, outages, CancellationTokenSource.CreateLinkedTokenSource(cancellation));
        _beating = Beat(time);
    }

    /// <summary>Is cancelled when the caller's is, and when the run is another process's.</summary>
    public CancellationToken Held => _held.Token;

    /// <summary>When the run is next to be looked at.</summary>
    public TimeSpan Pause { get; set; } = TimeSpan.FromSeconds(10);

    public async ValueTask DisposeAsync()
    {
        await _done.CancelAsync();
        await _beating;
        _done.Dispose();
        _held.Dispose();
        try
        {
            await _store.Free(_run, Pause);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // The lease runs out.
            _outages.Failed(Beating, e);
        }
    }

    private async Task Beat(TimeProvider time)
    {
        using var timer = new PeriodicTimer(_beat, time);
        while (true)
        {
            try
            {
                await timer.WaitForNextTickAsync(_done.Token);
                if (!await _store.Keep(_run, _done.Token))
                {
                    await _held.CancelAsync();
                    return;
                }

                _outages.Answered(Beating);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                _outages.Failed(Beating, e);
            }
        }
    }
}
