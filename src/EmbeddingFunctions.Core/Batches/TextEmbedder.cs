using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Batches;

/// <summary>Embeds texts in as few requests as the provider takes, and finds the ones it will never take.</summary>
internal sealed class TextEmbedder(IEmbeddingGenerator<string, Embedding<float>> generator, RequestPacker packer)
{
    /// <returns>For each text its vector, or why it has none.</returns>
    /// <exception cref="ProviderException">Passing or configuration faults: no text is to blame.</exception>
    public async Task<IReadOnlyList<EmbeddedText>> Embed(
        IReadOnlyList<string> texts, EmbeddingRule rule, RequestMeter meter, CancellationToken cancellation)
    {
        var results = new List<EmbeddedText>(texts.Count);
        foreach (var range in packer.Pack(texts).ToList())
        {
            var (first, count) = range.GetOffsetAndLength(texts.Count);
            results.AddRange(await EmbedOrFindCause(texts.Skip(first).Take(count).ToList(), meter.Options(rule.Model, rule.Dimensions), cancellation));
        }

        return results;
    }

    private async Task<IReadOnlyList<EmbeddedText>> EmbedPart(
        IReadOnlyList<string> texts, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        try
        {
            var reply = await generator.GenerateAsync(texts, options, cancellation);
            return reply.Select(embedding => new EmbeddedText(embedding.Vector, null)).ToList();
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens && texts.Count == 1)
        {
            return [new EmbeddedText(default, e.Message)];
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            packer.Learn(e.MaxTokensPerRequest ?? int.MaxValue);
            return [.. await EmbedPart(Half(texts, 0), options, cancellation), .. await EmbedPart(Half(texts, 1), options, cancellation)];
        }
    }

    private async Task<IReadOnlyList<EmbeddedText>> EmbedOrFindCause(
        IReadOnlyList<string> texts, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        try
        {
            return await EmbedPart(texts, options, cancellation);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Reply)
        {
            return await FindCause(texts, e, options, cancellation);
        }
    }

    // One half is answered well and the other is not: some text in it is the cause. Neither is: the provider is, and no text.
    private async Task<IReadOnlyList<EmbeddedText>> FindCause(
        IReadOnlyList<string> texts, ProviderException fault, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        var first = texts.Count == 1 ? null : await EmbedIfAnswered(Half(texts, 0), options, cancellation);
        var second = texts.Count == 1 ? null : await EmbedIfAnswered(Half(texts, 1), options, cancellation);
        if (first is null && second is null)
        {
            throw new ProviderException(ProviderFault.Passing, fault.Message, fault);
        }

        first ??= await Narrow(Half(texts, 0), fault, options, cancellation);
        second ??= await Narrow(Half(texts, 1), fault, options, cancellation);
        return [.. first, .. second];
    }

    private async Task<IReadOnlyList<EmbeddedText>?> EmbedIfAnswered(
        IReadOnlyList<string> texts, EmbeddingGenerationOptions options, CancellationToken cancellation)
    {
        try
        {
            return await EmbedPart(texts, options, cancellation);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Reply)
        {
            return null;
        }
    }

    private async Task<IReadOnlyList<EmbeddedText>> Narrow(
        IReadOnlyList<string> texts, ProviderException fault, EmbeddingGenerationOptions options, CancellationToken cancellation) =>
        texts.Count == 1 ? [new EmbeddedText(default, fault.Message)] : await FindCause(texts, fault, options, cancellation);

    private static List<string> Half(IReadOnlyList<string> texts, int half) =>
        half == 0 ? texts.Take(texts.Count / 2).ToList() : texts.Skip(texts.Count / 2).ToList();
}

/// <param name="Vector">The vector; empty if there is a reason.</param>
/// <param name="Failure">Why there is none.</param>
internal sealed record EmbeddedText(ReadOnlyMemory<float> Vector, string? Failure);
