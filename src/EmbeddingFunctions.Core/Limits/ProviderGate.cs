using System.Collections.Concurrent;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Limits;

/// <summary>Lets calls through to the provider when all processes together may make them, and tells all how they went.</summary>
/// <param name="account">Whose provider and key it is.</param>
/// <param name="limits">Of a minute, for all processes together.</param>
/// <param name="stores">Where what all share is kept, the best first; the last is this process's own and never away.</param>
/// <param name="time">The clock of all waits.</param>
internal sealed class ProviderGate(ProviderAccount account, RateLimits limits, IReadOnlyList<IFlowStore> stores, TimeProvider time) : IDisposable
{
    /// <summary>Longer waits are the run's, as a timer that holds nothing.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>How long a provider is left alone that fails again and again and does not say how long it wants.</summary>
    public static readonly TimeSpan StandardPause = TimeSpan.FromSeconds(30);

    // Until whoever failed has decided how long to wait, the next in the queue must not get through.
    private static readonly TimeSpan _breath = TimeSpan.FromMilliseconds(250);

    // Waits too short to be worth a timer, and to be worth asking whether anything has changed meanwhile.
    private static readonly TimeSpan _atOnce = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan _soon = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<string, CallLine> _lines = new();

    /// <summary>Calls the provider when it may be called.</summary>
    /// <param name="request">What is to be sent.</param>
    /// <param name="call">The call; says how many tokens were used.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="ProviderException">The call failed, or the provider is stopped or paused for longer than a call should wait.</exception>
    public async Task<T> Call<T>(GateRequest request, Func<Task<T>> call, CancellationToken cancellation)
    {
        var line = LineOf(request.Model);
        while (true)
        {
            // One of this process asks and waits, the others stand in line behind it; a person does not.
            var turn = request.IsForPerson ? null : await line.Turn(cancellation);
            try
            {
                var go = await Ask(line, request, cancellation);
                if (!go.IsProbe)
                {
                    turn?.Dispose();
                }

                if (await CameTrue(line.Flow, go, cancellation))
                {
                    return await Report(line.Flow, go, call);
                }

                await GiveUp(line.Flow, go);
            }
            finally
            {
                turn?.Dispose();
            }
        }
    }

    /// <summary>Takes into account by how much an estimate was too low, with the next request.</summary>
    public void Owe(string model, double tokens) => LineOf(model).Owe(tokens);

    /// <summary>Lets nobody call before then.</summary>
    public Task Pause(string model, TimeSpan wait, ProviderException reason) =>
        LineOf(model).Flow.ChangeAll((state, now) => (state.Paused(account.Key, wait, reason.Message, now), true));

    /// <summary>What the provider said of its own limits.</summary>
    public async Task Told(string model, ProviderLimits told)
    {
        var flow = LineOf(model).Flow;
        FlowState Next(FlowState state, DateTimeOffset now)
        {
            var next = state.Heard(told.Requests, told.Tokens, now);
            return told.UsedUpFor is { } wait ? next.Resting(wait < LongestWait ? wait : LongestWait, "the provider says that its limit is used up", now) : next;
        }

        if (flow.SeenLast is not { } seen || Next(seen.State, seen.Now) != seen.State)
        {
            await Note(flow, Next);
        }
    }

    /// <summary>How the provider is, as all processes see it.</summary>
    public async Task<ProviderStanding> Standing(string model, CancellationToken cancellation)
    {
        var standings = await LineOf(model).Flow.ChangeAll((state, now) => (state, state.Standing(model, account.Key, now)), cancellation);
        return standings.Any(standing => standing.State == ProviderStanding.Stopped) ? standings[0] : standings[^1];
    }

    /// <summary>Lets the next call through, whatever was known.</summary>
    public Task Resume(string model) => LineOf(model).Flow.ChangeAll((state, _) => (state.Resumed(account.Key), true));

    public void Dispose()
    {
        foreach (var line in _lines.Values)
        {
            line.Dispose();
        }
    }

    private async Task<Answer.Go> Ask(CallLine line, GateRequest request, CancellationToken cancellation)
    {
        var caller = Guid.NewGuid();
        while (true)
        {
            var owed = line.TakeOwed();
            var answer = await line.Flow.Change(
                (state, part, now) => state.Ask(new Question(account.Key, limits.Part(part), request.Tokens, request.IsForPerson, caller, owed), now), cancellation);
            switch (answer is Answer.Go { IsProbe: true } probe ? await Agreed(line.Flow, probe, caller) : answer)
            {
                case Answer.Stopped when await ResumedElsewhere(line.Flow):
                    break;
                case Answer.Go go:
                    return go;
                case Answer.Stopped stopped:
                    throw new ProviderException(ProviderFault.Configuration, $"{stopped.Reason} (it is tried again at {stopped.ProbeAt.UtcDateTime:HH:mm:ss} UTC, or now by 'embeddings provider resume')") { IsLocal = true };
                case Answer.Paused paused when paused.Wait > LongestWait:
                    throw new ProviderException(ProviderFault.Passing, paused.Reason) { RetryAfter = paused.Wait, IsLocal = true };
                case Answer.Paused paused:
                    await Delay(paused.Wait, cancellation);
                    break;
                case Answer.Later later:
                    await Delay(later.Wait, cancellation);
                    break;
            }
        }
    }

    // Whoever cannot reach the best store looks at another: nobody may be finding out there, nor have found out.
    private async Task<Answer> Agreed(ProviderFlow flow, Answer.Go probe, Guid caller)
    {
        var refusals = await flow.ChangeAll((state, now) => state.Probe(account.Key, caller, probe.Wait, now));
        if (refusals.FirstOrDefault(refusal => refusal is not null) is not { } refusal)
        {
            return probe;
        }

        await GiveUp(flow, probe, refusal as Answer.Stopped);
        return refusal;
    }

    // Whoever resumed may have missed the best store: the other is believed.
    private async Task<bool> ResumedElsewhere(ProviderFlow flow)
    {
        var stopped = await flow.ChangeAll((state, now) => (state, state.IsStopped(account.Key, now)));
        if (stopped[0])
        {
            return false;
        }

        await flow.ChangeAll((state, _) => (state.Untried(account.Key), true));
        return true;
    }

    /// <returns>Whether the moment has come and the provider may still be called.</returns>
    private async Task<bool> CameTrue(ProviderFlow flow, Answer.Go go, CancellationToken cancellation)
    {
        try
        {
            if (go.Wait > _atOnce)
            {
                await Delay(go.Wait, cancellation);
            }

            return go.Wait <= _soon && flow.SeenLast is { } seen
                ? seen.State.StillStands(account.Key, go, seen.Now)
                : await flow.Look((state, now) => state.StillStands(account.Key, go, now), cancellation);
        }
        catch (OperationCanceledException)
        {
            await GiveUp(flow, go);
            throw;
        }
    }

    private Task GiveUp(ProviderFlow flow, Answer.Go go, Answer.Stopped? learned = null) =>
        go.IsProbe ? flow.ChangeAll((state, _) => (state.GaveUp(account.Key, go, learned), true)) : Task.CompletedTask;

    // Delays are cut to whole milliseconds: without one more the rest would be spent asking.
    private Task Delay(TimeSpan wait, CancellationToken cancellation) => Task.Delay(wait + TimeSpan.FromMilliseconds(1), time, cancellation);

    private async Task<T> Report<T>(ProviderFlow flow, Answer.Go go, Func<Task<T>> call)
    {
        try
        {
            var result = await call();
            await NoteWell(flow, go);
            return result;
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            // It answered: the provider is well.
            await NoteWell(flow, go);
            throw;
        }
        catch (ProviderException e) when (e.IsLocal)
        {
            await GiveUp(flow, go);
            throw;
        }
        catch (ProviderException e)
        {
            TimeSpan? wait = e.Fault == ProviderFault.Configuration ? null : e.RetryAfter ?? _breath;
            await flow.ChangeAll((state, now) => (state.Failed(account.Key, go, wait, e.Message, now), true));
            throw;
        }
        catch (OperationCanceledException)
        {
            await GiveUp(flow, go);
            throw;
        }
    }

    private async Task NoteWell(ProviderFlow flow, Answer.Go go)
    {
        if (go.IsProbe)
        {
            await flow.ChangeAll((state, now) => (state.Succeeded(account.Key, go, now), true));
        }
        else if (flow.SeenLast is not { } seen || seen.State.Succeeded(account.Key, go, seen.Now) != seen.State)
        {
            await Note(flow, (state, now) => state.Succeeded(account.Key, go, now));
        }
    }

    private static Task Note(ProviderFlow flow, Func<FlowState, DateTimeOffset, FlowState> next) =>
        flow.Change((state, _, now) => (next(state, now), true), CancellationToken.None);

    private CallLine LineOf(string model) =>
        _lines.GetOrAdd(model, name => new CallLine(new ProviderFlow($"{account.Provider} {name}", stores, time)));
}

/// <param name="Model">The provider's model.</param>
/// <param name="Tokens">An estimate.</param>
/// <param name="IsForPerson">Whether somebody waits for the answer.</param>
internal sealed record GateRequest(string Model, int Tokens, bool IsForPerson = false);
