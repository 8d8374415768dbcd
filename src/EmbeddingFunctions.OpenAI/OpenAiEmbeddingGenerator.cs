using System.ClientModel;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Azure.Identity;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingGenerationOptions = Microsoft.Extensions.AI.EmbeddingGenerationOptions;
using Microsoft.Extensions.AI;
using OpenAI.Embeddings;
using OpenAI;

namespace EmbeddingFunctions.OpenAI;

/// <summary>OpenAI's embeddings endpoint, a deployment of Azure OpenAI, or a compatible server; one request a call.</summary>
/// <param name="client">Its own retries switched off.</param>
/// <param name="metadata">Of the server, and of the model for calls that name none.</param>
/// <param name="redaction">Takes the key out of what the server says.</param>
/// <param name="longestCall">For request and reply together: a reply that never stops dripping in ends here.</param>
internal sealed class OpenAiEmbeddingGenerator(
    OpenAIClient client, EmbeddingGeneratorMetadata metadata, Redaction redaction, TimeSpan longestCall)
    : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly ConcurrentDictionary<string, EmbeddingClient> _models = new();

    /// <returns>One vector an input, in the inputs' order.</returns>
    /// <exception cref="ProviderException">The call failed, or its reply is not one vector for each input.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var answer = await Ask(inputs, options, cancellationToken);
        return new GeneratedEmbeddings<Embedding<float>>(Pair(inputs.Count, answer.Value))
        {
            Usage = new UsageDetails { InputTokenCount = Usage(answer.Value) },
            AdditionalProperties = OpenAiFaults.LimitsOf(answer.GetRawResponse()) is { } limits
                ? new() { [ProviderLimits.Property] = limits }
                : null,
        };
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(OpenAIClient) ? client
        : serviceType == typeof(EmbeddingGeneratorMetadata) ? metadata
        : null;

    public void Dispose()
    {
    }

    private async Task<ClientResult<OpenAIEmbeddingCollection>> Ask(
        IReadOnlyList<string> inputs, EmbeddingGenerationOptions? options, CancellationToken cancellation)
    {
        var model = _models.GetOrAdd(options?.ModelId ?? metadata.DefaultModelId!, client.GetEmbeddingClient);
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        call.CancelAfter(longestCall);
        try
        {
            return await model.GenerateEmbeddingsAsync(inputs, new() { Dimensions = options?.Dimensions }, call.Token);
        }
        catch (Exception e)
        {
            // Whatever broke because the caller left is the caller's leaving, and no fault of the provider.
            cancellation.ThrowIfCancellationRequested();
            throw Fault(e, call.IsCancellationRequested);
        }
    }

    private ProviderException Fault(Exception e, bool isTimeUp) => e switch
    {
        ClientResultException { Status: not 0 } refusal => OpenAiFaults.From(refusal, redaction),
        // Not ours: the connection's own time limit.
        OperationCanceledException { InnerException: TimeoutException } when !isTimeUp =>
            Unconnected("no connection in time; is the provider's address right?", e, isUnreachable: true),
        OperationCanceledException or TimeoutException => Timeout(e),
        AuthenticationFailedException =>
            new(ProviderFault.Configuration, redaction.Clean($"no token for the provider: {e.Message}"), e) { IsLocal = true },
        _ when e.GetBaseException() is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } =>
            Malformed("it is too large", e),
        HttpRequestException or IOException or ClientResultException or AggregateException =>
            Unconnected(
                $"{e.GetBaseException().Message}{(IsUnreachable(e) ? "; is the provider's address right?" : "")}", e, IsUnreachable(e)),
        _ => Malformed($"it cannot be read: {redaction.Clean(e.GetBaseException().Message)}", e),
    };

    private ProviderException Unconnected(string why, Exception e, bool isUnreachable) =>
        new(ProviderFault.Transient, redaction.Clean($"the connection to the provider failed: {why}"), e)
        {
            IsUnreachable = isUnreachable,
            MayBeCharged = !isUnreachable,
        };

    // Nothing listens there, or there is no such name: it may come, and it may be a wrong address.
    private static bool IsUnreachable(Exception e) => e.GetBaseException() is SocketException
    {
        SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData
            or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.TimedOut,
    };

    private ProviderException Timeout(Exception e) =>
        new(ProviderFault.Transient, $"the provider did not answer within {longestCall.TotalSeconds:0.#} s", e) { IsTimeout = true };

    // The schema promises no order, and the client gives none: only the index says which input a vector is of.
    private static Embedding<float>[] Pair(int count, OpenAIEmbeddingCollection reply)
    {
        if (reply.Count != count)
        {
            throw Malformed($"it holds {reply.Count} vectors for {count} inputs", paid: Usage(reply));
        }

        var vectors = new Embedding<float>?[count];
        foreach (var embedding in reply)
        {
            if (embedding.Index < 0 || embedding.Index >= count || vectors[embedding.Index] is not null)
            {
                throw Malformed($"the index {embedding.Index} is repeated or not of any input", paid: Usage(reply));
            }

            vectors[embedding.Index] = new Embedding<float>(Floats(embedding, reply));
        }

        return vectors!;
    }

    private static ReadOnlyMemory<float> Floats(OpenAIEmbedding embedding, OpenAIEmbeddingCollection reply)
    {
        try
        {
            return embedding.ToFloats();
        }
        catch (Exception e)
        {
            throw Malformed($"a vector cannot be read: {e.Message}", e, Usage(reply));
        }
    }

    private static int? Usage(OpenAIEmbeddingCollection reply) => reply.Usage?.InputTokenCount is > 0 and var tokens ? tokens : null;

    private static ProviderException Malformed(string why, Exception? inner = null, int? paid = null) =>
        new(ProviderFault.Reply, $"the provider's reply is not what was asked for: {why}", inner)
        {
            PaidTokens = paid ?? 0,
            MayBeCharged = true,
        };
}
