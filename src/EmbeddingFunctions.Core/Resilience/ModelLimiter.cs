using EmbeddingFunctions.Providers;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Resilience;

/// <summary>Lets calls of one model through when the shared limits and the circuit allow it, and records for all how they went.</summary>
/// <param name="model">The provider's name of it.</param>
/// <param name="key">A name for the API key that reveals nothing of it.</param>
/// <param name="limits">Of a minute, for all processes together.</param>
/// <param name="shared">With all processes.</param>
/// <param name="time">The clock of all waits.</param>
/// <param name="log">Circuit changes and long waits.</param>
internal sealed class ModelLimiter(
    string model, string key, RateLimits limits, SharedState shared, TimeProvider time, ILogger log) : IDisposable
{
    /// <summary>Longer pauses are left to the run, whose timer holds no claims.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>The pause after repeated failures when the provider states none.</summary>
    public static readonly TimeSpan DefaultPause = TimeSpan.FromSeconds(30);

    // Holds the next caller back until the retry of the failed call has set its pause.
    private static readonly TimeSpan _pauseForRetry = TimeSpan.FromMilliseconds(250);

    // Waits too short for a timer.
    private static readonly TimeSpan _negligible = TimeSpan.FromMilliseconds(2);

    // A state seen so recently is not read again.
    private static readonly TimeSpan _recent = TimeSpan.FromMilliseconds(50);

    private readonly PermitQueue _queue = new();
    private readonly LimiterLog _log = new(model, limits, log);
    private readonly Lock _lock = new();
    private double _debt;
    private Wait? _lastWait;

    /// <summary>The model's name.</summary>
    public string Name => model;

    /// <summary>By the clock of all waits.</summary>
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Calls the provider as soon as that is allowed.</summary>
    /// <param name="tokens">As counted or estimated.</param>
    /// <param name="isInteractive">Whether a person waits for the answer: such a call does not queue behind batches.</param>
    /// <param name="call">The call.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="ProviderException">The call failed, the circuit is open, or the pause is too long to wait for.</exception>
    public async Task<T> Call<T>(int tokens, bool isInteractive, Func<Task<T>> call, CancellationToken cancellation)
    {
        while (true)
        {
            // A probe keeps its turn, so that the others wait for its result.
            using var turn = isInteractive ? null : await _queue.Enter(tokens, cancellation);
            var permit = turn?.Granted is { } granted
                ? granted.Permit with { Wait = granted.Permit.Wait - time.GetElapsedTime(granted.At) }
                : await Acquire(tokens, isInteractive, cancellation);
            if (permit is not ProbeGranted)
            {
                turn?.Dispose();
            }

            if (await IsStillValidAfterWait(permit, cancellation))
            {
                return await Record(permit, call);
            }

            await Abandon(permit);
        }
    }

    /// <summary>Charges tokens by which an estimate was too low to the next request; negative: gives them back.</summary>
    public void AddDebt(double tokens)
    {
        lock (_lock)
        {
            _debt += tokens;
        }
    }

    /// <summary>No calls before the pause is over.</summary>
    public Task Pause(TimeSpan wait, ProviderException reason)
    {
        _log.Opened(reason.Message);
        return shared.Record((state, now) => state.PauseAfterFault(key, wait, reason.Message, now));
    }

    /// <summary>No calls until a person acts.</summary>
    public Task OpenCircuit(ProviderException reason)
    {
        _log.Opened(reason.Message);
        return shared.Record((state, now) => state.OpenCircuit(key, reason.Message, now));
    }

    /// <returns>What a call has waited for that asked to be sent then; null: for nothing but the answers to other calls.</returns>
    public Wait? WaitedSince(DateTimeOffset asked) =>
        _lastWait is { } wait && wait.Until > asked ? wait with { From = asked, Until = Now } : null;

    /// <summary>Whether the model has ever answered any process.</summary>
    public Task<bool> HasAnswered() => shared.Read((state, _) => state.HasAnswered, CancellationToken.None);

    public async Task ApplyReportedLimits(ProviderLimits reported)
    {
        LimiterState Next(LimiterState state, DateTimeOffset now)
        {
            var next = state.ApplyReportedLimits(reported.Requests, reported.Tokens, now);
            return reported.UsedUpFor is { } wait
                ? next.PauseFor(wait < LongestPause ? wait : LongestPause, "the provider says that its limit is used up", now)
                : next;
        }

        if (shared.LastSeen is not { } seen || Next(seen.State, seen.Now) != seen.State)
        {
            await shared.Record(Next);
        }
    }

    /// <summary>Remembers, for all processes, that a request may have no more inputs than this.</summary>
    public Task LimitInputs(int most) => shared.Record((state, now) => state.LimitInputs(most, now));

    /// <summary>How many inputs a request may have, as far as any process has found out.</summary>
    public Task<int?> MostInputs(CancellationToken cancellation) => shared.Read((state, now) => state.MostInputs(now), cancellation);

    public Task<ProviderStatus> Status(CancellationToken cancellation) =>
        shared.Read((state, now) => state.Status(model, key, now), cancellation);

    /// <summary>Lets the next call through, whatever is known.</summary>
    public Task Resume() => shared.Record((state, _) => state.Resume(key));

    public void Dispose()
    {
        _queue.Dispose();
        shared.Dispose();
    }

    private async Task<Permit> Acquire(int tokens, bool isInteractive, CancellationToken cancellation)
    {
        while (true)
        {
            switch (await Request(tokens, isInteractive, cancellation))
            {
                case Permit permit:
                    return permit;
                case CircuitOpen open:
                    var advice = $"(it is tried again at {open.ProbeAt.UtcDateTime:HH:mm:ss} UTC, or now by 'embeddings provider resume')";
                    throw new ProviderException(ProviderFault.Configuration, $"{open.Reason} {advice}") { IsLocal = true };
                case Paused paused when paused.Wait > LongestPause:
                    throw new ProviderException(ProviderFault.Transient, paused.Reason) { RetryAfter = paused.Wait, IsLocal = true };
                case Paused paused:
                    _lastWait = new Wait(WaitCause.Provider, Now, Now + paused.Wait, paused.Reason);
                    await Delay(paused.Wait, cancellation);
                    break;
                case RetryLater later:
                    _lastWait = later.IsForProbe ? _lastWait : new Wait(WaitCause.Limits, Now, Now + later.Wait);
                    await Delay(later.Wait, cancellation);
                    break;
            }
        }
    }

    // One change of the shared state serves all batch calls that wait, so that many callers cost the store no more than few.
    private async Task<Decision> Request(int tokens, bool isInteractive, CancellationToken cancellation)
    {
        var (debt, others) = (TakeDebt(), isInteractive ? [] : _queue.Waiting());
        var decisions = await shared.Change(
            (state, share, now) =>
            {
                var scaled = limits.Scale(share);
                var first = new PermitRequest(key, scaled, tokens, isInteractive, debt);
                return state.Request([first, .. others.Select(other => new PermitRequest(key, scaled, other.Tokens, false, Debt: 0))], now);
            },
            cancellation);
        foreach (var (other, permit) in others.Zip(decisions.Skip(1).Cast<Permit>()))
        {
            other.Granted = (permit, time.GetTimestamp());
        }

        _log.Decided(decisions[^1]);
        return decisions[0];
    }

    private double TakeDebt()
    {
        lock (_lock)
        {
            return (_debt, _debt = 0).Item1;
        }
    }

    private async Task<bool> IsStillValidAfterWait(Permit permit, CancellationToken cancellation)
    {
        try
        {
            if (permit.Wait > _negligible)
            {
                _lastWait = permit.Wait < Wait.Shortest ? _lastWait : new Wait(WaitCause.Limits, Now, Now + permit.Wait);
                await Delay(permit.Wait, cancellation);
            }

            return shared.LastSeen is { } seen && seen.Age <= _recent
                ? seen.State.IsValid(key, permit, seen.Now)
                : await shared.Read((state, now) => state.IsValid(key, permit, now), cancellation);
        }
        catch (OperationCanceledException)
        {
            await Abandon(permit);
            throw;
        }
    }

    private Task Abandon(Permit permit) =>
        permit is ProbeGranted probe ? shared.Record((state, _) => state.AbandonProbe(key, probe)) : Task.CompletedTask;

    // A timer counts whole milliseconds: without one more it may ring too early.
    private Task Delay(TimeSpan wait, CancellationToken cancellation) =>
        Task.Delay(wait + TimeSpan.FromMilliseconds(1), time, cancellation);

    private async Task<T> Record<T>(Permit permit, Func<Task<T>> call)
    {
        try
        {
            var result = await call();
            await RecordSuccess(permit);
            return result;
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            // The provider answered, so it works.
            await RecordSuccess(permit);
            throw;
        }
        catch (Exception e) when (e is OperationCanceledException or ProviderException { IsLocal: true })
        {
            await Abandon(permit);
            throw;
        }
        catch (ProviderException e)
        {
            await RecordFault(permit, e);
            throw;
        }
    }

    private async Task RecordSuccess(Permit permit)
    {
        if (shared.LastSeen is not { } seen || seen.State.RecordSuccess(key, permit, seen.Now) != seen.State)
        {
            await shared.Record((state, now) => state.RecordSuccess(key, permit, now));
        }

        _log.Answered(permit);
    }

    private async Task RecordFault(Permit permit, ProviderException fault)
    {
        var counts = await shared.Change(
            (state, _, now) => state.HasRecoveredSince(key, permit, now) ? (state, false)
                : fault.Fault == ProviderFault.Configuration ? (state.OpenCircuit(key, fault.Message, now), true)
                : (state.PauseAfterFault(key, fault.RetryAfter ?? _pauseForRetry, fault.Message, now), true),
            CancellationToken.None);
        if (counts)
        {
            _log.Opened(fault.Message);
        }
    }
}
