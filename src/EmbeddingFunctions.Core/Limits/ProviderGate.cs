using System.Collections.Concurrent;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Limits;

/// <summary>Lets calls through to the provider when all processes together may make them, and tells all how they went.</summary>
/// <param name="account">Whose provider and key it is.</param>
/// <param name="limits">Of a minute, for all processes together.</param>
/// <param name="stores">Where what all share is kept, the best first; the last is this process's own and never away, the one before it whom all can reach.</param>
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
                var go = await Admit(line, request, cancellation);
                if (go.Probe is null)
                {
                    turn?.Dispose();
                }

                if (await CameTrue(line, go, cancellation))
                {
                    return await Report(line, go, call);
                }

                await GiveUp(line, go);
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
        LineOf(model).NoteEverywhere((state, now) => state.Paused(account.Key, wait, reason.Message, now));

    /// <summary>Stops all calls: a person has to act.</summary>
    public Task Stop(string model, ProviderException reason) =>
        LineOf(model).NoteEverywhere((state, now) => state.Stopped(account.Key, reason.Message, now));

    /// <summary>Whether the model has ever answered anyone who shares this state.</summary>
    public Task<bool> HasAnswered(string model) => LineOf(model).Judge.Look((state, _) => state.HasAnswered, CancellationToken.None);

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
            await flow.Note(Next);
        }
    }

    /// <summary>How the provider is, as all processes see it.</summary>
    public async Task<ProviderStanding> Standing(string model, CancellationToken cancellation)
    {
        var line = LineOf(model);
        var (isWell, standing) = await line.Flow.Look(
            (state, now) => (state.IsWell(account.Key, now), state.Standing(model, account.Key, now)), cancellation);
        return isWell ? standing : await line.Judge.Look((state, now) => state.Stop(model, account.Key, now), cancellation) ?? standing;
    }

    /// <summary>Lets the next call through, whatever was known.</summary>
    public Task Resume(string model) => LineOf(model).NoteEverywhere((state, _) => state.Resumed(account.Key));

    public void Dispose()
    {
        foreach (var line in _lines.Values)
        {
            line.Dispose();
        }
    }

    private async Task<Answer.Go> Admit(CallLine line, GateRequest request, CancellationToken cancellation)
    {
        while (true)
        {
            var answer = await Ask(line, request, probe: null, cancellation);
            if (answer is Answer.Unproven unproven)
            {
                answer = await Try(line, request, unproven.Wait, cancellation);
            }

            switch (answer)
            {
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

    private Task<Answer> Ask(CallLine line, GateRequest request, Answer.Try? probe, CancellationToken cancellation)
    {
        var owed = line.TakeOwed();
        return line.Flow.Change(
            (state, part, now) => state.Ask(new Question(account.Key, limits.Part(part), request.Tokens, request.IsForPerson, owed, probe), now), cancellation);
    }

    private async Task<Answer> Try(CallLine line, GateRequest request, TimeSpan wait, CancellationToken cancellation)
    {
        var answer = await line.Judge.Change((state, _, now) => state.Try(account.Key, wait, now), cancellation);
        if (answer is not Answer.Try probe)
        {
            return answer;
        }

        var go = await Ask(line, request, probe, CancellationToken.None);
        if (go is not Answer.Go)
        {
            await line.Judge.Note((state, _) => state.GaveUp(account.Key, probe));
        }

        return go;
    }

    /// <returns>Whether the moment has come and the provider may still be called.</returns>
    private async Task<bool> CameTrue(CallLine line, Answer.Go go, CancellationToken cancellation)
    {
        try
        {
            if (go.Wait > _atOnce)
            {
                await Delay(go.Wait, cancellation);
            }

            return go.Wait <= _soon && line.Flow.SeenLast is { } seen
                ? seen.State.StillStands(account.Key, go, seen.Now)
                : await line.Flow.Look((state, now) => state.StillStands(account.Key, go, now), cancellation);
        }
        catch (OperationCanceledException)
        {
            await GiveUp(line, go);
            throw;
        }
    }

    private Task GiveUp(CallLine line, Answer.Go go) =>
        go.Probe is { } probe ? line.Judge.Note((state, _) => state.GaveUp(account.Key, probe)) : Task.CompletedTask;

    // Delays are cut to whole milliseconds: without one more the rest would be spent asking.
    private Task Delay(TimeSpan wait, CancellationToken cancellation) => Task.Delay(wait + TimeSpan.FromMilliseconds(1), time, cancellation);

    private async Task<T> Report<T>(CallLine line, Answer.Go go, Func<Task<T>> call)
    {
        try
        {
            var result = await call();
            await NoteWell(line, go);
            return result;
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            // It answered: the provider is well.
            await NoteWell(line, go);
            throw;
        }
        catch (ProviderException e) when (e.IsLocal)
        {
            await GiveUp(line, go);
            throw;
        }
        catch (ProviderException e)
        {
            await NoteFault(line, go, e);
            throw;
        }
        catch (OperationCanceledException)
        {
            await GiveUp(line, go);
            throw;
        }
    }

    private async Task NoteWell(CallLine line, Answer.Go go)
    {
        if (go.Probe is { } probe)
        {
            await line.Judge.Note((state, now) => state.Succeeded(account.Key, probe.Faults, now));
        }

        if (line.Flow.SeenLast is not { } seen || seen.State.Succeeded(account.Key, go.Faults, seen.Now) != seen.State)
        {
            await line.Flow.Note((state, now) => state.Succeeded(account.Key, go.Faults, now));
        }
    }

    private async Task NoteFault(CallLine line, Answer.Go go, ProviderException fault)
    {
        if (await line.Flow.Look((state, now) => state.IsProvenSince(account.Key, go, now), CancellationToken.None))
        {
            await GiveUp(line, go);
            return;
        }

        await line.NoteEverywhere((state, now) => fault.Fault == ProviderFault.Configuration
            ? state.Stopped(account.Key, fault.Message, now)
            : state.Paused(account.Key, fault.RetryAfter ?? _breath, fault.Message, now));
    }

    private CallLine LineOf(string model) => _lines.GetOrAdd(model, name =>
    {
        var flow = new ProviderFlow($"{account.Provider} {name}", stores, time);
        return new CallLine(flow, stores.Count > 2 ? new ProviderFlow($"{account.Provider} {name}", [stores[^2], .. stores.SkipLast(2), stores[^1]], time) : flow);
    });
}

/// <param name="Model">The provider's model.</param>
/// <param name="Tokens">As counted or estimated.</param>
/// <param name="IsForPerson">Whether somebody waits for the answer.</param>
internal sealed record GateRequest(string Model, int Tokens, bool IsForPerson = false);
