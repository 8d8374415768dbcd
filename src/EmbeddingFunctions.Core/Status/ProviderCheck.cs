using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Status;

/// <summary>Whether the provider of a corpus works: as all processes know, or by asking it.</summary>
internal sealed class ProviderCheck
{
    private readonly SharedRateLimiter _limiter;
    private readonly IEmbeddingGenerator<string, Embedding<float>> _provider;
    private readonly EmbeddingSettings _settings;

    public ProviderCheck(SharedRateLimiter limiter, IEmbeddingGenerator<string, Embedding<float>> provider, EmbeddingSettings settings) =>
        (_limiter, _provider, _settings) = (limiter, provider, settings);

    /// <summary>As known; the provider is not called.</summary>
    public Task<ProviderStatus> Status(Corpus corpus, CancellationToken cancellation) => _settings.IsRemote
        ? _limiter.Of(_settings.ModelFor(corpus)).Status(cancellation)
        : Task.FromResult(new ProviderStatus(_settings.ModelFor(corpus), ProviderStatus.Available, null, null));

    /// <exception cref="ProviderException">The circuit is open.</exception>
    public async Task EnsureNotStopped(Corpus corpus, CancellationToken cancellation)
    {
        if (await Status(corpus, cancellation) is { State: ProviderStatus.Stopped } stopped)
        {
            throw new ProviderException(ProviderFault.Configuration, stopped.Reason ?? "");
        }
    }

    /// <summary>Asks the provider for one vector, if it may be called.</summary>
    /// <returns>The provider, its model and the length of the vector.</returns>
    /// <exception cref="ProviderException">The call failed, or the circuit is open.</exception>
    public async Task<string> Ask(Corpus corpus, CancellationToken cancellation)
    {
        if (!_settings.IsEnabled)
        {
            return $"not asked: {EmbeddingSettings.Disabled}";
        }

        var model = _settings.ModelFor(corpus);
        var reply = await _provider.GenerateAsync(
            ["doctor"], new RequestOrigin(corpus.Name).Options(model, corpus.Dimensions), cancellation);
        return $"{_settings.ProviderName}, {model}, {reply[0].Vector.Length} dimensions";
    }

    /// <summary>Asks the provider for one vector even if the circuit is open. A reply closes it for all processes.</summary>
    /// <inheritdoc cref="Ask"/>
    public async Task<string> Resume(Corpus corpus, CancellationToken cancellation)
    {
        if (_settings.IsRemote)
        {
            await _limiter.Of(_settings.ModelFor(corpus)).Resume();
        }

        return await Ask(corpus, cancellation);
    }
}
