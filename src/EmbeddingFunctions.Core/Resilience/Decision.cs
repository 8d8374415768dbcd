namespace EmbeddingFunctions.Resilience;

/// <param name="Key">A name for the API key that reveals nothing of it.</param>
/// <param name="Limits">As the requesting process was configured.</param>
/// <param name="Tokens">As counted or estimated.</param>
/// <param name="IsInteractive">Whether a person waits for the answer.</param>
/// <param name="Debt">Tokens by which past estimates were too low.</param>
internal sealed record PermitRequest(string Key, RateLimits Limits, int Tokens, bool IsInteractive, double Debt);

/// <summary>The limiter's answer to a request for a permit.</summary>
internal abstract record Decision;

/// <summary>Call after the wait.</summary>
/// <param name="Faults">Of the circuit so far: a result is only recorded if no other fault came between.</param>
internal record Permit(TimeSpan Wait, int Faults) : Decision;

/// <summary>The circuit is half-open; this call finds out for all whether the provider works.</summary>
internal sealed record ProbeGranted(TimeSpan Wait, int Faults) : Permit(Wait, Faults);

/// <summary>Nothing was reserved.</summary>
/// <param name="IsForProbe">Another call finds out whether the provider works; else the limits are used up.</param>
internal sealed record RetryLater(TimeSpan Wait, bool IsForProbe = false) : Decision;

/// <summary>The provider failed or asked for a pause.</summary>
internal sealed record Paused(TimeSpan Wait, string Reason) : Decision;

/// <param name="ProbeAt">When one call will probe the circuit.</param>
internal sealed record CircuitOpen(string Reason, DateTimeOffset ProbeAt) : Decision;
