using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Resilience;

/// <summary>Sends a request when the concurrency of this process and the limits of all processes allow it.</summary>
internal sealed class ThrottledEmbeddingGenerator(
    IEmbeddingGenerator<string, Embedding<float>> inner, SharedRateLimiter limiter, AdaptiveConcurrencyLimiter concurrency,
    string defaultModel)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var meter = RequestMeter.Of(options);
        var tokens = RequestMeter.TokensOf(options) ?? inputs.Sum(input => TokenEstimate.Of(input));
        var model = limiter.Of(options?.ModelId ?? defaultModel);
        await concurrency.Enter(cancellationToken);
        var asked = model.Now;
        try
        {
            // Calls without a meter come from interactive callers and get priority.
            return await model.Call(tokens, isInteractive: meter is null, Send, cancellationToken);
        }
        finally
        {
            concurrency.Leave();
        }

        // A failed request keeps its tokens: the provider counts them too.
        async Task<GeneratedEmbeddings<Embedding<float>>> Send()
        {
            meter?.Waited(model.WaitedSince(asked));
            meter?.Sent();
            try
            {
                var reply = await base.GenerateAsync(inputs, options, cancellationToken);
                var used = (int)(reply.Usage?.InputTokenCount ?? tokens);
                meter?.Paid(used);
                model.AddDebt(used - tokens);
                concurrency.RecordSuccess();
                await Apply(reply.AdditionalProperties?.GetValueOrDefault(ProviderLimits.Property) as ProviderLimits);
                return reply;
            }
            catch (ProviderException e)
            {
                meter?.Paid(e.PaidTokens);
                if (e.IsCapReached)
                {
                    meter?.Withheld();
                }

                if (e.IsOverload)
                {
                    concurrency.RecordOverload();
                }

                await Apply(e.Limits);
                throw;
            }
        }

        Task Apply(ProviderLimits? reported) => reported is null ? Task.CompletedTask : model.ApplyReportedLimits(reported);
    }
}
