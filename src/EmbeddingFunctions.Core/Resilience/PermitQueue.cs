namespace EmbeddingFunctions.Resilience;

/// <summary>The batch calls of this process that wait for a permit. The one whose turn it is requests permits for all of them.</summary>
internal sealed class PermitQueue : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Lock _lock = new();
    private readonly List<Ticket> _waiting = [];

    /// <summary>Waits for the turn.</summary>
    /// <param name="tokens">Of the call.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <returns>Dispose it to pass the turn on.</returns>
    public async Task<Ticket> Enter(int tokens, CancellationToken cancellation)
    {
        var ticket = new Ticket(this, tokens);
        lock (_lock)
        {
            _waiting.Add(ticket);
        }

        try
        {
            await _turn.WaitAsync(cancellation);
            return ticket;
        }
        finally
        {
            lock (_lock)
            {
                _waiting.Remove(ticket);
            }
        }
    }

    /// <summary>Those that have neither the turn nor a permit.</summary>
    public IReadOnlyList<Ticket> Waiting()
    {
        lock (_lock)
        {
            return [.. _waiting.Where(ticket => ticket.Granted is null)];
        }
    }

    public void Dispose() => _turn.Dispose();

    internal sealed class Ticket(PermitQueue queue, int tokens) : IDisposable
    {
        private int _isUsed;

        public int Tokens => tokens;

        /// <summary>By another call that had the turn, with the timestamp of that moment.</summary>
        public (Permit Permit, long At)? Granted { get; set; }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isUsed, 1) == 0)
            {
                queue._turn.Release();
            }
        }
    }
}
