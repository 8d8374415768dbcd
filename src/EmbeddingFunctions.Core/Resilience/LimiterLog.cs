using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Resilience;

/// <summary>Logs changes of a model's circuit and long waits for its limits, as this process sees them: not every call.</summary>
internal sealed class LimiterLog(string model, RateLimits limits, ILogger log)
{
    private static readonly TimeSpan _longWait = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _shortWait = TimeSpan.FromSeconds(1);

    private int _circuit = (int)CircuitState.Closed;
    private int _isSaturated;

    public void Opened(string reason)
    {
        var before = Change(CircuitState.Open);
        if (before != CircuitState.Open)
        {
            // During a long outage every probe opens the circuit again.
            log.CircuitOpened(before == CircuitState.Closed ? LogLevel.Information : LogLevel.Debug, model, reason);
        }
    }

    public void Decided(Decision decision)
    {
        switch (decision)
        {
            case CircuitOpen open:
                Opened(open.Reason);
                break;
            case Paused paused:
                Opened(paused.Reason);
                break;
            case ProbeGranted:
                // The very first call is a probe too, and no news.
                if (Volatile.Read(ref _circuit) == (int)CircuitState.Open && Change(CircuitState.HalfOpen) == CircuitState.Open)
                {
                    log.CircuitHalfOpened(model);
                }

                break;
            case Permit permit:
                Closed();
                Waits(permit.Wait);
                break;
        }
    }

    public void Answered(Permit permit)
    {
        if (permit is ProbeGranted)
        {
            Closed();
        }
    }

    private void Closed()
    {
        if (Change(CircuitState.Closed) != CircuitState.Closed)
        {
            log.CircuitClosed(model);
        }
    }

    private void Waits(TimeSpan wait)
    {
        if (wait >= _longWait)
        {
            if (Interlocked.Exchange(ref _isSaturated, 1) == 0)
            {
                log.LimitsAreReached(model, wait.TotalSeconds, limits.Requests, limits.Tokens);
            }
        }
        else if (wait < _shortWait)
        {
            Volatile.Write(ref _isSaturated, 0);
        }
    }

    /// <returns>The state before.</returns>
    private CircuitState Change(CircuitState to) => (CircuitState)Interlocked.Exchange(ref _circuit, (int)to);
}
