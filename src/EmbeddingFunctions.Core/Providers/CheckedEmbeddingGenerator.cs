using System.Collections.Concurrent;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>Lets only vectors through that can be stored and found: as many as inputs, of the right width, finite, not zero.</summary>
internal sealed class CheckedEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> inner)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    // Cosine distance to a vector this short is noise, and a zero vector is left out of the index.
    private const float ShortestNorm = 1e-6f;

    // Models that have answered in the width that was asked for.
    private readonly ConcurrentDictionary<(string? Model, int Dimensions), bool> _fitting = new();

    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var reply = await base.GenerateAsync(inputs, options, cancellationToken);
        var problem = reply.Count != inputs.Count
            ? (ProviderFault.Reply, $"the provider's reply is wrong: {reply.Count} vectors came for {inputs.Count} inputs")
            : ProblemOfWidth(reply, options) ?? ProblemOfValues(reply);
        return problem is var (fault, message)
            ? throw new ProviderException(fault, message) { PaidTokens = (int)(reply.Usage?.InputTokenCount ?? 0), MayBeCharged = true }
            : reply;
    }

    /// <returns>Why a vector cannot be searched, as the end of a sentence; null: it can.</returns>
    public static string? ProblemOf(ReadOnlySpan<float> vector)
    {
        // A sum of squares is not finite as soon as one component is not.
        var norm = MathF.Sqrt(SumOfSquares(vector));
        return !float.IsFinite(norm) ? "holds NaN or infinity" : norm < ShortestNorm ? "is zero" : null;
    }

    // All of one wrong width: the model or the declaration is mistaken, unless it has fitted before. Otherwise the reply is broken.
    private (ProviderFault, string)? ProblemOfWidth(GeneratedEmbeddings<Embedding<float>> reply, EmbeddingGenerationOptions? options)
    {
        if (options?.Dimensions is not { } dimensions)
        {
            return null;
        }

        var wrong = reply.Where(embedding => embedding.Vector.Length != dimensions).ToList();
        if (wrong.Count == 0)
        {
            _fitting[(options.ModelId, dimensions)] = true;
            return null;
        }

        return wrong.Count == reply.Count && !_fitting.ContainsKey((options.ModelId, dimensions))
            ? (ProviderFault.Configuration,
                $"the provider's vectors have {wrong[0].Vector.Length} dimensions, the corpus says {dimensions}: correct the corpus's "
                    + "dimensions or the model")
            : (
                ProviderFault.Reply,
                $"the provider's reply is wrong: {wrong.Count} of {reply.Count} vectors have not {dimensions} dimensions");
    }

    // Alone in its request, such a text would get the same again: it is looked for, and the others go on.
    private static (ProviderFault, string)? ProblemOfValues(GeneratedEmbeddings<Embedding<float>> reply)
    {
        foreach (var embedding in reply)
        {
            if (ProblemOf(embedding.Vector.Span) is { } problem)
            {
                return (ProviderFault.Item, $"the provider's vector cannot be used: it {problem}");
            }
        }

        return null;
    }

    private static float SumOfSquares(ReadOnlySpan<float> vector)
    {
        var sum = 0f;
        foreach (var component in vector)
        {
            sum += component * component;
        }

        return sum;
    }
}
