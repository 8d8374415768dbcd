using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Embeds texts in as few requests as the provider accepts, keeps what is paid for in the cache, and finds the texts it will never accept.
/// </summary>
internal sealed class TextEmbedder(
    IEmbeddingGenerator<string, Embedding<float>> generator, RequestPacker packer, IVectorCache cache)
{
    // A provider that is well has a vector for this.
    private const string Harmless = "ok";

    // A refusal tells how much is too much on the whole; the end that is cut off may be denser than the rest.
    private const double Margin = 0.98;
    private const int MostShortenings = 4;

    /// <summary>Fills in what becomes of each text, in order; a fault or a cancellation leaves in place what there is by then.</summary>
    /// <param name="texts">To be filled in.</param>
    /// <param name="rule">Names model and dimensions.</param>
    /// <param name="meter">Counts what is sent and paid.</param>
    /// <param name="since">Only what was cached since then is taken from the cache.</param>
    /// <param name="cancellation">Ends the calls.</param>
    /// <exception cref="ProviderException">Passing or configuration faults: no text is to blame.</exception>
    public Task Embed(TextWork texts, EmbeddingRule rule, RequestMeter meter, DateTimeOffset? since, CancellationToken cancellation) =>
        EmbedAll(new Job(texts, rule, meter, since, cancellation), 0, texts.Texts.Count);

    /// <returns>The inputs of the largest request that was accepted.</returns>
    private async Task<int> EmbedAll(Job job, int first, int end)
    {
        var accepted = 0;
        while (first < end)
        {
            var next = packer.Next(job.Texts.Texts, first, end);
            accepted = Math.Max(accepted, await EmbedPart(job, first, next));
            first = next;
        }

        return accepted;
    }

    private async Task<int> EmbedPart(Job job, int first, int end, int shortenings = 0)
    {
        var texts = job.Texts;
        var part = Enumerable.Range(first, end - first).Select(texts.Sent).ToList();
        try
        {
            Checkpoints.Reach(Checkpoint.BeforeCall);
            var options = job.Options(part.Sum(input => input.ExpectedTokens));
            var reply = await generator.GenerateAsync(part.Select(input => input.Text).ToList(), options, job.Cancellation);
            texts.IsProviderWell = true;
            for (var i = 0; i < part.Count; i++)
            {
                texts.Vectors[first + i] = reply[i].Vector;
            }

            Checkpoints.Reach(Checkpoint.AfterResponseBeforeCache);
            // Before any row is written: what is paid for now outlives this process and the rows' own troubles.
            await cache.Store(part.Select((_, i) => KeyValuePair.Create(texts.SentFingerprint(first + i), reply[i].Vector)).ToList());
            Checkpoints.Reach(Checkpoint.AfterCacheBeforeWrite);
            return part.Count;
        }
        catch (ProviderException e) when (part.Count > 1 && e.Fault == ProviderFault.TooManyTokens)
        {
            packer.Learn(part, e.MaxTokensPerRequest);
            return await EmbedAll(job, first, end);
        }
        catch (ProviderException e) when (
            part.Count == 1 && texts.MayShorten && shortenings < MostShortenings && Beginning(part[0], e) is { Text.Length: > 0 } beginning)
        {
            return await EmbedBeginning(job, first, beginning, shortenings + 1);
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens or ProviderFault.Reply)
        {
            if (e.Fault == ProviderFault.Reply && (part.Count == 1 || !texts.IsProviderWell))
            {
                await EnsureWell(job, e);
                texts.IsProviderWell = true;
            }

            if (part.Count == 1)
            {
                texts.Failures[first] = e.Message;
                return 0;
            }

            var half = first + (part.Count / 2);
            var accepted = Math.Max(await EmbedAll(job, first, half), await EmbedAll(job, half, end));
            if (
                e is { Fault: ProviderFault.Item, Overrun: null }
                    && texts.Failures.Skip(first).Take(part.Count).All(failure => failure is null))
            {
                packer.LearnInputs(accepted);
            }

            return accepted;
        }
    }

    // Where the model's tokenizer is not known, only the provider can tell that a text is too long.
    private static InputText? Beginning(InputText refused, ProviderException e) =>
        e.Overrun is { } overrun ? refused.Beginning((int)(refused.Text.Length * Margin * overrun.MaxTokens / overrun.Tokens)) : null;

    private async Task<int> EmbedBeginning(Job job, int i, InputText beginning, int shortenings)
    {
        var (texts, fingerprint) = (job.Texts, job.Rule.Fingerprint(beginning.Text));
        texts.Shorten(i, beginning, fingerprint);
        if ((await cache.Find([fingerprint], job.Rule.Dimensions, job.Since, job.Cancellation)).TryGetValue(fingerprint, out var vector))
        {
            (texts.Vectors[i], texts.AreCached[i]) = (vector, true);
            return 0;
        }

        return await EmbedPart(job, i, i + 1, shortenings);
    }

    // A refusal says that a text is at fault. A reply that is none says so only if another text is answered well.
    private async Task EnsureWell(Job job, ProviderException fault)
    {
        try
        {
            await generator.GenerateAsync([Harmless], job.Options(tokens: 1), job.Cancellation);
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens or ProviderFault.Reply)
        {
            throw new ProviderException(ProviderFault.Passing, fault.Message, fault) { RetryAfter = ModelLimiter.DefaultPause };
        }
    }

    private sealed record Job(
        TextWork Texts, EmbeddingRule Rule, RequestMeter Meter, DateTimeOffset? Since, CancellationToken Cancellation)
    {
        public EmbeddingGenerationOptions Options(int tokens) => Meter.Options(Rule.Model, Rule.Dimensions, tokens);
    }
}
