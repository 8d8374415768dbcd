using System.ClientModel;
using System.Collections.Concurrent;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Embeddings;
using EmbeddingGenerationOptions = Microsoft.Extensions.AI.EmbeddingGenerationOptions;

namespace EmbeddingFunctions.Providers;

/// <summary>OpenAI's embeddings endpoint, Azure's v1 endpoint, or a server like them, one request a call.</summary>
internal sealed class OpenAiEmbeddingGenerator(OpenAIClient client, string standardModel) : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly ConcurrentDictionary<string, EmbeddingClient> _models = new();

    /// <returns>One vector an input, in the inputs' order.</returns>
    /// <exception cref="ProviderException">The call failed, or its reply is not one vector for each input.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var reply = await Ask(inputs, options, cancellationToken);
        var vectors = Pair(inputs.Count, reply);
        return new GeneratedEmbeddings<Embedding<float>>(vectors)
        {
            Usage = new UsageDetails { InputTokenCount = Usage(reply) },
        };
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is null && serviceType == typeof(OpenAIClient) ? client : null;

    public void Dispose()
    {
    }

    private async Task<OpenAIEmbeddingCollection> Ask(
        IReadOnlyList<string> inputs, EmbeddingGenerationOptions? options, CancellationToken cancellation)
    {
        var model = _models.GetOrAdd(options?.ModelId ?? standardModel, client.GetEmbeddingClient);
        try
        {
            return await model.GenerateEmbeddingsAsync(inputs, new() { Dimensions = options?.Dimensions }, cancellation);
        }
        catch (ClientResultException e) when (e.Status != 0)
        {
            throw OpenAiFaults.From(e);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested && IsTransport(e))
        {
            throw new ProviderException(ProviderFault.Passing, $"the connection to the provider failed: {Innermost(e).Message}", e);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested && e is not OperationCanceledException)
        {
            throw Malformed($"it cannot be read: {Innermost(e).Message}", e);
        }
    }

    // The schema promises no order, and the client gives none: only the index says which input a vector is of.
    private static Embedding<float>[] Pair(int count, OpenAIEmbeddingCollection reply)
    {
        if (reply.Count != count)
        {
            throw Malformed($"it holds {reply.Count} vectors for {count} inputs");
        }

        var vectors = new Embedding<float>?[count];
        foreach (var embedding in reply)
        {
            if (embedding.Index < 0 || embedding.Index >= count || vectors[embedding.Index] is not null)
            {
                throw Malformed($"the index {embedding.Index} is repeated or not of any input");
            }

            vectors[embedding.Index] = new Embedding<float>(Floats(embedding));
        }

        return vectors!;
    }

    private static ReadOnlyMemory<float> Floats(OpenAIEmbedding embedding)
    {
        try
        {
            return embedding.ToFloats();
        }
        catch (Exception e)
        {
            throw Malformed($"a vector cannot be read: {e.Message}", e);
        }
    }

    private static int? Usage(OpenAIEmbeddingCollection reply) => reply.Usage?.InputTokenCount is > 0 and var tokens ? tokens : null;

    private static bool IsTransport(Exception e) =>
        e is HttpRequestException or IOException or TaskCanceledException or TimeoutException or AggregateException or ClientResultException;

    private static Exception Innermost(Exception e) => e.GetBaseException();

    private static ProviderException Malformed(string why, Exception? inner = null) =>
        new(ProviderFault.Reply, $"the provider's reply is not what was asked for: {why}", inner);
}
