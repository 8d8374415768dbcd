using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>The app's own generator: its exceptions are classified, and its calls end in time. It belongs to the app.</summary>
internal sealed class AppGenerator(
    IEmbeddingGenerator<string, Embedding<float>> generator, IProviderFaults faults, Redaction redaction, TimeSpan timeout)
    : IEmbeddingGenerator<string, Embedding<float>>
{
    /// <summary>The engine's settings as the options and the generator have them.</summary>
    public static EmbeddingSettings Settings(IEmbeddingGenerator<string, Embedding<float>> generator, EmbeddingsOptions options)
    {
        var metadata = generator.GetService<EmbeddingGeneratorMetadata>();
        var isLocal = generator.GetService<ILocalModel>() is not null;
        return new EmbeddingSettings
        {
            Provider = isLocal ? ProviderChoice.Local : ProviderChoice.App,
            ProviderReason = "the app's IEmbeddingGenerator",
            BaseUrl = metadata?.ProviderUri,
            Model = options.Model ?? metadata?.DefaultModelId ?? "",
            IsEnabled = options.IsEnabled,
            RequestsPerMinute = options.RequestsPerMinute,
            TokensPerMinute = options.TokensPerMinute,
            Concurrency = options.Concurrency,
            InputsPerRequest = options.InputsPerRequest,
            QueryTimeout = options.QueryTimeout,
            Schedule = options.Schedule,
            MaxDollarsPerDay = options.MaxDollarsPerDay,
            MaxDollarsPerMonth = options.MaxDollarsPerMonth,
            AlertUrl = options.AlertUrl,
            AlertSecret = options.AlertSecret,
            AlertForm = options.AlertForm,
            ShowsTexts = options.ShowTexts,
            PricesFile = options.PricesFile,
        };
    }

    /// <exception cref="ProviderException">The call failed.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        call.CancelAfter(timeout);
        try
        {
            // Without our own properties, which a generator that caches would take for part of the question.
            var asked = new EmbeddingGenerationOptions { ModelId = options?.ModelId, Dimensions = options?.Dimensions };
            return await generator.GenerateAsync(values, asked, call.Token);
        }
        catch (Exception e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Clean(call.IsCancellationRequested ? TimeOut() : faults.Classify(e) ?? DefaultProviderFaults.Of(e));
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => generator.GetService(serviceType, serviceKey);

    public void Dispose()
    {
    }

    private ProviderException TimeOut() =>
        new(ProviderFault.Transient, $"the generator did not answer within {timeout.TotalSeconds:0.#} s") { IsTimeout = true };

    // A client's message may repeat the key, and so may an exception that it wraps: that one is left out.
    private ProviderException Clean(ProviderException fault) => new(fault.Fault, redaction.Clean(fault.Message))
    {
        RetryAfter = fault.RetryAfter,
        MaxTokensPerRequest = fault.MaxTokensPerRequest,
        Overrun = fault.Overrun,
        IsTimeout = fault.IsTimeout,
        IsUnreachable = fault.IsUnreachable,
        IsOverload = fault.IsOverload,
        IsLocal = fault.IsLocal,
        Limits = fault.Limits,
        MayBeCharged = fault.MayBeCharged,
        PaidTokens = fault.PaidTokens,
    };
}
