using System.Text;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Costs;

/// <summary>Enters each request in the ledger: its worst case before it is sent, then what it cost.</summary>
internal sealed class LedgeredEmbeddingGenerator(
    IEmbeddingGenerator<string, Embedding<float>> inner, Ledger ledger, PriceTable prices, string defaultModel)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    /// <exception cref="ProviderException">The call failed, or a cap does not allow it.</exception>
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var (model, origin) = (options?.ModelId ?? defaultModel, RequestOrigin.Of(options));
        // To count exactly takes time: it is done where a cap must hold, and where nothing else tells what was spent.
        var expected = ledger.Caps.AreSet || origin.IsCapped ? Most(inputs, model) : RequestMeter.TokensOf(options) ?? Estimate(inputs);
        var entry = new LedgerEntry(
            Guid.CreateVersion7(), origin.Run, origin.Corpus, model, OnBatchLane: false, inputs.Count, expected, prices.Of(model, expected))
        {
            IsCapped = origin.IsCapped,
        };
        await ledger.Open(entry, cancellationToken);
        try
        {
            var reply = await base.GenerateAsync(inputs, options, cancellationToken);
            Settle(RequestOutcome.Answered, reply.Usage?.InputTokenCount ?? Counted());
            return reply;
        }
        catch (ProviderException e)
        {
            var (outcome, tokens) = e switch
            {
                { PaidTokens: > 0 } => (RequestOutcome.Unusable, e.PaidTokens),
                { IsUnreachable: true } => (RequestOutcome.Unreached, 0),
                { IsTimeout: true } or { MayBeCharged: true } => (RequestOutcome.Unknown, Counted()),
                _ => (RequestOutcome.Refused, 0),
            };
            Settle(outcome, tokens);
            throw;
        }
        catch
        {
            Settle(RequestOutcome.Unknown, Counted());
            throw;
        }

        int Counted() => TokenCounter.Of(model) is { IsExact: true } counter ? inputs.Sum(input => counter.Count(input)) : expected;

        void Settle(RequestOutcome outcome, long tokens) =>
            ledger.Settle(entry with { Tokens = tokens, Dollars = prices.Of(model, tokens), Outcome = outcome });
    }

    // A token has a byte or more.
    private static int Most(IReadOnlyList<string> inputs, string model) => TokenCounter.Of(model) is { IsExact: true } counter
        ? inputs.Sum(input => counter.Count(input))
        : inputs.Sum(Encoding.UTF8.GetByteCount);

    private static int Estimate(IReadOnlyList<string> inputs) => inputs.Sum(input => TokenEstimate.Of(input));
}
