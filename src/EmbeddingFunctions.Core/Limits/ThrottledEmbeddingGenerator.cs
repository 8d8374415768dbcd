using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Limits;

/// <summary>Sends a request only when few enough are in flight, the provider may be called, and both minute budgets, requests and tokens, have room for it.</summary>
internal sealed class ThrottledEmbeddingGenerator(
    IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, RateBudget requests, RateBudget tokens, int concurrency, TimeProvider time)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _places = new(concurrency);

    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var estimate = inputs.Sum(TokenEstimate.Of);
        RateSlot? slot = null;
        await _places.WaitAsync(cancellationToken);
        try
        {
            return await gate.Call(
                async () => slot = await WaitForRoom(estimate, cancellationToken),
                () => Send(inputs, slot!, options, cancellationToken),
                cancellationToken);
        }
        finally
        {
            _places.Release();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _places.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task<RateSlot> WaitForRoom(int estimate, CancellationToken cancellation)
    {
        RateSlot slot;
        TimeSpan wait;
        lock (_lock)
        {
            var at = TimeSpan.FromTicks(Math.Max(requests.Earliest(1).Ticks, tokens.Earliest(estimate).Ticks));
            requests.Take(1, at);
            slot = tokens.Take(estimate, at);
            wait = at - requests.Now;
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancellation);
        }

        return slot;
    }

    // A failed request keeps what it took: the provider counts it too.
    private async Task<GeneratedEmbeddings<Embedding<float>>> Send(
        IReadOnlyList<string> inputs, RateSlot slot, EmbeddingGenerationOptions? options, CancellationToken cancellation)
    {
        var meter = RequestMeter.Of(options);
        meter?.Sent();
        try
        {
            var reply = await base.GenerateAsync(inputs, options, cancellation);
            var used = (int)(reply.Usage?.InputTokenCount ?? slot.Units);
            meter?.Paid(used);
            lock (_lock)
            {
                tokens.Correct(slot, used);
            }

            return reply;
        }
        catch (ProviderException e)
        {
            meter?.Paid(e.PaidTokens);
            throw;
        }
    }
}
