using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Limits;

/// <summary>Sends a request only when the provider may be called and both minute budgets, requests and tokens, have room for it.</summary>
internal sealed class ThrottledEmbeddingGenerator(
    IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, RateBudget requests, RateBudget tokens, TimeProvider time)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var estimate = inputs.Sum(TokenEstimate.Of);
        return await gate.Call(() => Send(inputs, estimate, options, cancellationToken), cancellationToken);
    }

    // A failed request keeps what it took: the provider counts it too.
    private async Task<GeneratedEmbeddings<Embedding<float>>> Send(
        IReadOnlyList<string> inputs, int estimate, EmbeddingGenerationOptions? options, CancellationToken cancellation)
    {
        var wait = new[] { requests.Take(1), tokens.Take(estimate) }.Max();
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancellation);
        }

        var meter = RequestMeter.Of(options);
        meter?.Sent();
        var reply = await base.GenerateAsync(inputs, options, cancellation);
        var used = (int)(reply.Usage?.InputTokenCount ?? estimate);
        meter?.Paid(used);
        tokens.Correct(estimate, used);
        return reply;
    }
}
