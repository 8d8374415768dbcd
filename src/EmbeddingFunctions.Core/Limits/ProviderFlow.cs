using System.Text.Json;

namespace EmbeddingFunctions.Limits;

/// <summary>The shared state of one provider's model, in the first store that is not away; this process's callers change it one after the other.</summary>
/// <param name="provider">Names provider and model.</param>
/// <param name="stores">Of which the last is never away.</param>
/// <param name="time">Tells how long ago a store's clock was read.</param>
internal sealed class ProviderFlow(string provider, IReadOnlyList<IFlowStore> stores, TimeProvider time) : IDisposable
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<IFlowStore, Seen> _seen = [];
    private Seen? _last;

    /// <summary>The state as it was seen last, and the time there now: only good for deciding whether to look.</summary>
    public (FlowState State, DateTimeOffset Now)? SeenLast => Volatile.Read(ref _last) is { } last ? (last.State, Now(last)) : null;

    /// <param name="look">Is given the state, and the time where it is kept.</param>
    /// <param name="cancellation">Ends the looking.</param>
    public Task<T> Look<T>(Func<FlowState, DateTimeOffset, T> look, CancellationToken cancellation) =>
        Change((state, _, now) => (state, look(state, now)), cancellation);

    /// <summary>Changes the state, whatever becomes of the caller.</summary>
    public Task Note(Func<FlowState, DateTimeOffset, FlowState> next) => Change((state, _, now) => (next(state, now), true), CancellationToken.None);

    /// <param name="change">Is given the state, the part of the limits that may be used, and the time; may be called more than once.</param>
    /// <param name="cancellation">Ends the waiting for one's turn, not the change: whoever made it must know.</param>
    public async Task<T> Change<T>(Func<FlowState, double, DateTimeOffset, (FlowState, T)> change, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            foreach (var store in stores)
            {
                if (await TryChange(store, change) is (true, var result))
                {
                    return result!;
                }
            }

            throw new InvalidOperationException("Even the last store was away.");
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    // What was seen last is most often still there: one round trip. If not, the exchange brings what is.
    private async Task<(bool IsDone, T? Result)> TryChange<T>(IFlowStore store, Func<FlowState, double, DateTimeOffset, (FlowState, T)> change)
    {
        var isOld = _seen.Remove(store, out var seen);
        seen ??= Read(await store.Read(provider, CancellationToken.None));
        while (seen is not null)
        {
            var (next, result) = change(seen.State, store.Part, Now(seen));
            if (next == seen.State)
            {
                if (!isOld)
                {
                    Remember(store, seen);
                    return (true, result);
                }

                seen = Read(await store.Read(provider, CancellationToken.None));
            }
            else
            {
                var text = JsonSerializer.Serialize(next, _json);
                var kept = await store.Exchange(provider, seen.Text, text, CancellationToken.None);
                if (kept?.IsExchanged == true)
                {
                    Remember(store, new Seen(text, next, kept.Now, time.GetTimestamp()));
                    return (true, result);
                }

                seen = Read(kept);
            }

            isOld = false;
        }

        return default;
    }

    private void Remember(IFlowStore store, Seen seen)
    {
        _seen[store] = seen;
        Volatile.Write(ref _last, seen);
    }

    private DateTimeOffset Now(Seen seen) => seen.Now + time.GetElapsedTime(seen.At);

    private Seen? Read(KeptFlow? kept) => kept is null ? null
        : new Seen(kept.State, Parse(kept.State), kept.Now, time.GetTimestamp());

    // What cannot be read is found out anew.
    private static FlowState Parse(string? state)
    {
        try
        {
            return state is null ? new FlowState() : JsonSerializer.Deserialize<FlowState>(state, _json) ?? new FlowState();
        }
        catch (JsonException)
        {
            return new FlowState();
        }
    }

    private sealed record Seen(string? Text, FlowState State, DateTimeOffset Now, long At);
}
