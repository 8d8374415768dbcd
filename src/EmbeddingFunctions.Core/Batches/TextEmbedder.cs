using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Batches;

/// <summary>Embeds texts in as few requests as the provider takes, keeps what is paid for in the cache, and finds the texts it will never take.</summary>
internal sealed class TextEmbedder(IEmbeddingGenerator<string, Embedding<float>> generator, RequestPacker packer, IVectorCache cache, Crash crash)
{
    // A provider that is well has a vector for this.
    private const string Harmless = "ok";

    /// <summary>Fills in what becomes of each text, in order; a fault or a cancellation leaves in place what there is by then.</summary>
    /// <param name="texts">To be filled in.</param>
    /// <param name="rule">Names model and dimensions.</param>
    /// <param name="meter">Counts what is sent and paid.</param>
    /// <param name="cancellation">Ends the calls.</param>
    /// <exception cref="ProviderException">Passing or configuration faults: no text is to blame.</exception>
    public Task Embed(EmbeddedTexts texts, EmbeddingRule rule, RequestMeter meter, CancellationToken cancellation) =>
        EmbedAll(texts, 0, texts.Texts.Count, meter.Options(rule.Model, rule.Dimensions), cancellation);

    private async Task EmbedAll(EmbeddedTexts texts, int first, int end, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        while (first < end)
        {
            var next = packer.Next(texts.Texts, first, end);
            await EmbedPart(texts, first, next, options, cancellation);
            first = next;
        }
    }

    private async Task EmbedPart(EmbeddedTexts texts, int first, int end, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        var part = texts.Texts.Skip(first).Take(end - first).ToList();
        try
        {
            crash.Reach(CrashPoint.BeforeCall);
            var reply = await generator.GenerateAsync(part, options, cancellation);
            texts.IsProviderWell = true;
            for (var i = 0; i < part.Count; i++)
            {
                texts.Vectors[first + i] = reply[i].Vector;
            }

            crash.Reach(CrashPoint.AfterResponseBeforeCache);
            // Before any row is written: what is paid for now outlives this process and the rows' own troubles.
            await cache.Store(part.Select((_, i) => KeyValuePair.Create(texts.Fingerprints[first + i], reply[i].Vector)).ToList());
            crash.Reach(CrashPoint.AfterCacheBeforeWrite);
        }
        catch (ProviderException e) when (part.Count > 1 && e.Fault == ProviderFault.TooManyTokens)
        {
            packer.Learn(part, e.MaxTokensPerRequest);
            await EmbedAll(texts, first, end, options, cancellation);
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens or ProviderFault.Reply)
        {
            if (e.Fault == ProviderFault.Reply && (part.Count == 1 || !texts.IsProviderWell))
            {
                await DemandWell(e, options, cancellation);
                texts.IsProviderWell = true;
            }

            if (part.Count == 1)
            {
                texts.Failures[first] = e.Message;
                return;
            }

            var half = first + (part.Count / 2);
            await EmbedPart(texts, first, half, options, cancellation);
            await EmbedPart(texts, half, end, options, cancellation);
        }
    }

    // A refusal says that a text is at fault. A reply that is none says so only if another text is answered well.
    private async Task DemandWell(ProviderException fault, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        try
        {
            await generator.GenerateAsync([Harmless], options, cancellation);
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens or ProviderFault.Reply)
        {
            throw new ProviderException(ProviderFault.Passing, fault.Message, fault) { RetryAfter = ProviderGate.StandardPause };
        }
    }
}
