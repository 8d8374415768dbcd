using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>Lets only vectors through that can be stored and found: as many as inputs, of the right width, finite, not zero.</summary>
internal sealed class CheckedEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> inner)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    // Cosine distance to a vector this short is noise, and a zero vector is left out of the index.
    private const float ShortestNorm = 1e-6f;

    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var reply = await base.GenerateAsync(inputs, options, cancellationToken);
        if (reply.Count != inputs.Count)
        {
            throw Wrong($"{reply.Count} vectors came for {inputs.Count} inputs");
        }

        if (options?.Dimensions is { } dimensions)
        {
            CheckWidth(reply, dimensions);
        }

        foreach (var embedding in reply)
        {
            CheckValues(embedding.Vector.Span);
        }

        return reply;
    }

    // All of one wrong width: the model or the declaration is mistaken. Only some: the reply is broken.
    private static void CheckWidth(GeneratedEmbeddings<Embedding<float>> reply, int dimensions)
    {
        var wrong = reply.Where(embedding => embedding.Vector.Length != dimensions).ToList();
        if (wrong.Count == 0)
        {
            return;
        }

        throw wrong.Count == reply.Count
            ? new ProviderException(ProviderFault.Configuration,
                $"the provider's vectors have {wrong[0].Vector.Length} dimensions, the corpus says {dimensions}: correct the corpus's dimensions or the model")
            : Wrong($"{wrong.Count} of {reply.Count} vectors have not {dimensions} dimensions");
    }

    private static void CheckValues(ReadOnlySpan<float> vector)
    {
        // A sum of squares is not finite as soon as one component is not.
        var norm = MathF.Sqrt(SumOfSquares(vector));
        if (!float.IsFinite(norm))
        {
            throw BadVector("it holds NaN or infinity");
        }

        if (norm < ShortestNorm)
        {
            throw BadVector("it is zero");
        }
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

    private static ProviderException Wrong(string why) => new(ProviderFault.Reply, $"the provider's reply is wrong: {why}");

    // Alone in its request, such a text would get the same again: it is looked for, and the others go on.
    private static ProviderException BadVector(string why) => new(ProviderFault.Item, $"the provider's vector cannot be used: {why}");
}
