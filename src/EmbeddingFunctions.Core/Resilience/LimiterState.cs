using System.Collections.Immutable;

namespace EmbeddingFunctions.Resilience;

/// <summary>State shared by all callers of one model. Timestamps use the store's clock.</summary>
internal sealed record LimiterState
{
    private static readonly TimeSpan _reportValidFor = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan _inputLimitValidFor = TimeSpan.FromDays(30);
    private static readonly TimeSpan _longestPause = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _unusedKeysKeptFor = TimeSpan.FromDays(1);

    // While another caller probes.
    private static readonly TimeSpan _probePoll = TimeSpan.FromMilliseconds(100);

    // Five seconds are reserved ahead, so waiting a little longer loses nothing, and then permits for more calls are granted at once.
    private static readonly TimeSpan _refill = TimeSpan.FromMilliseconds(500);

    public TokenBucket Bucket { get; init; } = new();

    public ReportedLimits? Reported { get; init; }

    /// <summary>Fewer inputs than OpenAI accepts in a request, where that was found out.</summary>
    public InputLimit? Inputs { get; init; }

    /// <summary>The current pause, requested by the provider or set after a fault; it applies to all keys.</summary>
    public Pause? Pause { get; init; }

    /// <summary>Whether the model has ever answered. If so, an address where nothing listens is an outage, otherwise a mistake.</summary>
    public bool HasAnswered { get; init; }

    /// <summary>By a name for the API key that reveals nothing of it.</summary>
    public ImmutableSortedDictionary<string, CircuitBreaker> Circuits { get; init; } =
        ImmutableSortedDictionary<string, CircuitBreaker>.Empty;

    /// <summary>Grants permits in order, as many as there are moments for now.</summary>
    /// <returns>One decision at least; all but the first are permits.</returns>
    public (LimiterState Next, IReadOnlyList<Decision> Decisions) Request(IEnumerable<PermitRequest> requests, DateTimeOffset now)
    {
        var (state, decisions) = (this, new List<Decision>());
        foreach (var request in requests)
        {
            var (next, decision) = state.Request(request, now);
            if (decisions.Count > 0 && decision is not Permit)
            {
                break;
            }

            state = next;
            decisions.Add(decision);
            if (decision is not Permit or ProbeGranted)
            {
                break;
            }
        }

        return (state, decisions);
    }

    /// <summary>Grants a permit and reserves its moment, or says why not.</summary>
    public (LimiterState Next, Decision Decision) Request(PermitRequest request, DateTimeOffset now)
    {
        var circuit = CircuitOf(request.Key);
        var limits = Reported is { } reported && IsValid(reported, now) ? request.Limits.Lowest(reported) : request.Limits;
        var settled = this with { Bucket = (request.Debt == 0 ? Bucket : Bucket.AddDebt(limits, request.Debt)).ResetIfImpossible(now) };
        var state = circuit.State(now);
        if (state == CircuitState.Open)
        {
            return (settled, new CircuitOpen(circuit.OpenReason!, circuit.ProbeAt));
        }

        if (PauseAt(now) is { } pause)
        {
            return (settled, new Paused(pause.Until - now, pause.Reason));
        }

        if (state == CircuitState.HalfOpen && circuit.IsProbing(now))
        {
            return (settled, new RetryLater(_probePoll, IsForProbe: true));
        }

        if (!request.IsInteractive && settled.Bucket.BeyondHorizon(now) is var beyond && beyond > TimeSpan.Zero)
        {
            return (settled, new RetryLater(beyond + _refill));
        }

        var (bucket, at) = settled.Bucket.Reserve(limits, request.Tokens, request.IsInteractive, now);
        var reserved = settled with { Bucket = bucket };
        return state == CircuitState.Closed
            ? (reserved, new Permit(at - now, circuit.Faults))
            : (reserved.With(request.Key, circuit.GrantProbe(at)), new ProbeGranted(at - now, circuit.Faults));
    }

    /// <summary>Whether a permit granted a while ago still holds.</summary>
    public bool IsValid(string key, Permit permit, DateTimeOffset now) => CircuitOf(key).Faults == permit.Faults && PauseAt(now) is null;

    /// <summary>A call that was sent before the last fault proves nothing about the time after it.</summary>
    public LimiterState RecordSuccess(string key, Permit permit, DateTimeOffset now) =>
        CircuitOf(key) is var circuit && circuit.Faults == permit.Faults && !circuit.IsFreshlyClosed(now)
            ? (WithoutUnusedKeys(now) with { HasAnswered = true }).With(key, circuit.Close(now))
            : this;

    /// <summary>Lets another caller probe, unless one has done so meanwhile.</summary>
    public LimiterState AbandonProbe(string key, ProbeGranted probe) =>
        CircuitOf(key) is var circuit && circuit.Faults == probe.Faults ? With(key, circuit.AbandonProbe()) : this;

    /// <summary>Whether the circuit has been closed again since the permit was granted: the failure of that call is old news.</summary>
    public bool HasRecoveredSince(string key, Permit permit, DateTimeOffset now) =>
        CircuitOf(key) is var circuit && circuit.Faults > permit.Faults && circuit.IsClosed(now);

    /// <summary>No calls until a person acts, apart from a probe now and then.</summary>
    public LimiterState OpenCircuit(string key, string reason, DateTimeOffset now) => With(key, CircuitOf(key).Open(reason, now));

    /// <summary>No calls before the pause is over; then one probes.</summary>
    public LimiterState PauseAfterFault(string key, TimeSpan wait, string reason, DateTimeOffset now) =>
        PauseFor(wait, reason, now).With(key, CircuitOf(key).HalfOpen());

    /// <summary>No calls before the pause is over, though nothing failed.</summary>
    public LimiterState PauseFor(TimeSpan wait, string reason, DateTimeOffset now) =>
        PauseAt(now) is { } pause && pause.Until >= now + wait ? this : this with { Pause = new Pause(now + wait, reason) };

    public LimiterState ApplyReportedLimits(int? requests, int? tokens, DateTimeOffset now) =>
        Reported is { } known && (known.Requests, known.Tokens) == (requests, tokens)
        && IsValid(known, now) && known.ValidUntil > now + (_reportValidFor / 2)
            ? this
            : this with { Reported = new ReportedLimits(requests, tokens, now + _reportValidFor) };

    /// <summary>The inputs of the largest request that was accepted, after larger ones were refused for their number.</summary>
    public LimiterState LimitInputs(int most, DateTimeOffset now) => MostInputs(now) <= most ? this
        : this with { Inputs = new InputLimit(most, now + _inputLimitValidFor) };

    /// <summary>How many inputs a request may have; null: no fewer than OpenAI accepts.</summary>
    public int? MostInputs(DateTimeOffset now) =>
        Inputs is { } limit && limit.ValidUntil.IsAhead(now, _inputLimitValidFor) ? limit.Most : null;

    /// <summary>A person asks for a call now, whatever is known.</summary>
    public LimiterState Resume(string key) =>
        (this with { Pause = null, Bucket = new(), Reported = null, Inputs = null }).With(key, CircuitOf(key).AbandonProbe());

    public ProviderStatus Status(string model, string key, DateTimeOffset now) => (CircuitOf(key), PauseAt(now)) switch
    {
        ({ OpenReason: { } reason } circuit, _) => circuit.MayBeProbed(now)
            ? new(model, ProviderStatus.Untried, reason, null)
            : new(model, ProviderStatus.Stopped, reason, circuit.ProbeAt),
        (_, { } pause) => new(model, ProviderStatus.Waiting, pause.Reason, pause.Until),
        ({ HasFailedLast: true }, null) => new(model, ProviderStatus.Failing, Pause?.Reason, null),
        _ => new(model, ProviderStatus.Available, null, null),
    };

    private static bool IsValid(ReportedLimits reported, DateTimeOffset now) => reported.ValidUntil.IsAhead(now, _reportValidFor);

    private Pause? PauseAt(DateTimeOffset now) => Pause is { } pause && pause.Until.IsAhead(now, _longestPause) ? pause : null;

    private LimiterState WithoutUnusedKeys(DateTimeOffset now)
    {
        var unused = Circuits.Where(circuit => circuit.Value.IsUnusedSince(now - _unusedKeysKeptFor)).Select(circuit => circuit.Key);
        return this with { Circuits = Circuits.RemoveRange(unused) };
    }

    private CircuitBreaker CircuitOf(string key) => Circuits.GetValueOrDefault(key) ?? new CircuitBreaker();

    private LimiterState With(string key, CircuitBreaker circuit) => this with { Circuits = Circuits.SetItem(key, circuit) };
}

internal sealed record Pause(DateTimeOffset Until, string Reason);
