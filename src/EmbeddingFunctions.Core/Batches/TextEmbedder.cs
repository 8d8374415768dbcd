using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Embeds texts in as few requests as the provider accepts, keeps what is paid for in the cache, and finds the texts it will never accept.
/// </summary>
/// <param name="generator">Calls.</param>
/// <param name="packer">Knows what fits into a request.</param>
/// <param name="cache">Keeps what was paid for.</param>
/// <param name="limits">Remembers what does; null: the provider is not remote.</param>
internal sealed class TextEmbedder(
    IEmbeddingGenerator<string, Embedding<float>> generator, RequestPacker packer, IVectorCache cache, InputLimits? limits = null)
{
    // A provider that is well has a vector for this.
    private const string Harmless = "ok";

    // What remains of a text may be denser than the end that is cut off.
    private const double Margin = 0.98;

    /// <summary>Decides each text, in order; after a fault or a cancellation, the texts decided by then stay so.</summary>
    /// <param name="texts">None is decided yet.</param>
    /// <param name="rule">Names model and dimensions.</param>
    /// <param name="meter">Counts what is sent and paid.</param>
    /// <param name="since">Only what was cached since then is taken from the cache.</param>
    /// <param name="inputs">Texts of a request, where several requests are to be sent side by side; null: as many as one takes.</param>
    /// <param name="cancellation">Ends the calls.</param>
    /// <exception cref="ProviderException">Transient or configuration faults: no text is to blame.</exception>
    public async Task Embed(
        List<TextWork> texts, EmbeddingRule rule, RequestMeter meter, DateTimeOffset? since, int? inputs, CancellationToken cancellation)
    {
        var job = new Job(rule, meter, since, cancellation);
        if (limits is not null && texts.Count > 1)
        {
            await limits.Recall(rule.Model);
        }

        await Task.WhenAll(texts.Chunk(inputs ?? Math.Max(1, texts.Count)).Select(part => EmbedAll(job, [.. part])));
    }

    /// <returns>The inputs of the largest request that was accepted.</returns>
    private async Task<int> EmbedAll(Job job, List<TextWork> texts)
    {
        var accepted = 0;
        var inputs = texts.ConvertAll(text => text.Sent);
        for (var first = 0; first < texts.Count;)
        {
            var next = packer.Next(inputs, first);
            accepted = Math.Max(accepted, await EmbedPart(job, texts[first..next]));
            first = next;
        }

        return accepted;
    }

    private async Task<int> EmbedPart(Job job, List<TextWork> part)
    {
        try
        {
            Checkpoints.Reach(Checkpoint.BeforeCall);
            var options = job.Options(part.Sum(text => text.Sent.ExpectedTokens));
            var reply = await generator.GenerateAsync(part.ConvertAll(text => text.Sent.Text), options, job.Cancellation);
            job.IsProviderWell = true;
            for (var i = 0; i < part.Count; i++)
            {
                part[i].Embedded(reply[i].Vector);
            }

            Checkpoints.Reach(Checkpoint.AfterResponseBeforeCache);
            // Before any row is written: what is paid for now outlives this process and the rows' own troubles.
            await cache.Store(part.Select((text, i) => KeyValuePair.Create(text.SentFingerprint, reply[i].Vector)).ToList());
            Checkpoints.Reach(Checkpoint.AfterCacheBeforeWrite);
            return part.Count;
        }
        catch (ProviderException e) when (part.Count > 1 && e.Fault == ProviderFault.TooManyTokens)
        {
            packer.Learn(part.Select(text => text.Sent), e.MaxTokensPerRequest);
            return await EmbedAll(job, part);
        }
        catch (ProviderException e) when (
            part is [{ MayShorten: true } text] && Beginning(text.Sent, e) is { Text.Length: > 0 } beginning)
        {
            return await EmbedBeginning(job, text, beginning);
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens or ProviderFault.Reply)
        {
            if (e.Fault == ProviderFault.Reply && (part.Count == 1 || !job.IsProviderWell))
            {
                await EnsureWell(job, e);
                job.IsProviderWell = true;
            }

            if (part is [var text])
            {
                text.Failed(e.Message);
                return 0;
            }

            var half = part.Count / 2;
            var accepted = Math.Max(await EmbedAll(job, part[..half]), await EmbedAll(job, part[half..]));
            if (e is { Fault: ProviderFault.Item, Overrun: null } && part.All(text => text.Failure is null))
            {
                packer.LearnInputs(accepted);
                await (limits?.Remember(job.Rule.Model, accepted) ?? Task.CompletedTask);
            }

            return accepted;
        }
    }

    // Where the model's tokenizer is not known, only the provider can tell that a text is too long.
    private static InputText? Beginning(InputText refused, ProviderException e) =>
        e.Overrun is { } overrun ? refused.Beginning((int)(refused.Text.Length * Margin * overrun.MaxTokens / overrun.Tokens)) : null;

    private async Task<int> EmbedBeginning(Job job, TextWork text, InputText beginning)
    {
        text.Shorten(beginning, job.Rule.Fingerprint(beginning.Text));
        var cached = await cache.Find([text.SentFingerprint], job.Rule.Dimensions, job.Since, job.Cancellation);
        if (cached.TryGetValue(text.SentFingerprint, out var vector))
        {
            text.Embedded(vector, fromCache: true);
            return 0;
        }

        return await EmbedPart(job, [text]);
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
            throw new ProviderException(ProviderFault.Transient, fault.Message, fault) { RetryAfter = ModelLimiter.DefaultPause };
        }
    }

    private sealed record Job(EmbeddingRule Rule, RequestMeter Meter, DateTimeOffset? Since, CancellationToken Cancellation)
    {
        /// <summary>Whether the provider has answered well since the job began: then an unusable reply is the texts' doing.</summary>
        public bool IsProviderWell { get; set; }

        public EmbeddingGenerationOptions Options(int tokens) => Meter.Options(Rule.Model, Rule.Dimensions, tokens);
    }
}
