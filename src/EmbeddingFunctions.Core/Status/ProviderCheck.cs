using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Status;

/// <summary>How the provider of a corpus is: as all processes know it, or asked anew.</summary>
public sealed class ProviderCheck
{
    private readonly ProviderGate _gate;
    private readonly IEmbeddingGenerator<string, Embedding<float>> _provider;
    private readonly EmbeddingSettings _settings;

    internal ProviderCheck(ProviderGate gate, IEmbeddingGenerator<string, Embedding<float>> provider, EmbeddingSettings settings) =>
        (_gate, _provider, _settings) = (gate, provider, settings);

    /// <summary>What is known; the provider is asked nothing.</summary>
    public Task<ProviderStanding> Standing(Corpus corpus, CancellationToken cancellation) => _settings.IsRemote
        ? _gate.Standing(_settings.ModelFor(corpus), cancellation)
        : Task.FromResult(new ProviderStanding(_settings.ModelFor(corpus), ProviderStanding.Open, null, null));

    /// <exception cref="ProviderException">It is known to refuse all calls.</exception>
    public async Task DemandNotStopped(Corpus corpus, CancellationToken cancellation)
    {
        if (await Standing(corpus, cancellation) is { State: ProviderStanding.Stopped } stopped)
        {
            throw new ProviderException(ProviderFault.Configuration, stopped.Reason ?? "");
        }
    }

    /// <summary>Asks for one vector, if the provider may be asked.</summary>
    /// <returns>Which provider it is.</returns>
    /// <exception cref="ProviderException">It gave none, or is known to refuse all calls.</exception>
    public async Task<string> Ask(Corpus corpus, CancellationToken cancellation)
    {
        if (!_settings.IsEnabled)
        {
            return $"not asked: {EmbeddingSettings.Disabled}";
        }

        var model = _settings.ModelFor(corpus);
        var reply = await _provider.GenerateAsync(["doctor"], new() { ModelId = model, Dimensions = corpus.Dimensions }, cancellation);
        return $"{_settings.ProviderName}, {model}, {reply[0].Vector.Length} dimensions";
    }

    /// <summary>Asks for one vector whatever is known: if it comes, all processes go on.</summary>
    /// <inheritdoc cref="Ask"/>
    public async Task<string> Resume(Corpus corpus, CancellationToken cancellation)
    {
        if (_settings.IsRemote)
        {
            await _gate.Resume(_settings.ModelFor(corpus));
        }

        return await Ask(corpus, cancellation);
    }
}
