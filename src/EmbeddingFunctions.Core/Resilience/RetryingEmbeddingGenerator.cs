using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Resilience;

/// <summary>
/// Retries a request after a transient fault: when the provider asked for it, otherwise after growing, jittered waits, which hold for all
/// callers. Where nothing listens and nothing ever answered, the address is taken for a mistake after a few attempts.
/// </summary>
internal sealed class RetryingEmbeddingGenerator : DelegatingEmbeddingGenerator<string, Embedding<float>>
{
    private const int Retries = 4;

    // Each attempt may have been carried out and charged.
    private const int RetriesThatMayCost = 1;

    // Each may take as long as connecting may: half a minute in all.
    private const int RetriesOfAnUnknownAddress = 2;

    private static readonly TimeSpan _firstWait = TimeSpan.FromMilliseconds(500);

    private static readonly ResiliencePropertyKey<ModelLimiter> _model = new("model");
    private static readonly ResiliencePropertyKey<RequestMeter?> _meter = new("meter");

    private readonly SharedRateLimiter _limiter;
    private readonly string _defaultModel;
    private readonly ProviderOutages? _outages;
    private readonly ResiliencePipeline _pipeline;

    public RetryingEmbeddingGenerator(
        IEmbeddingGenerator<string, Embedding<float>> inner, SharedRateLimiter limiter, string defaultModel, TimeProvider time,
        ProviderOutages? outages = null)
        : base(inner)
    {
        (_limiter, _defaultModel, _outages) = (limiter, defaultModel, outages);
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = async arguments => arguments.Outcome.Exception is ProviderException e && MayRetry(e, arguments.AttemptNumber)
                && (arguments.AttemptNumber < RetriesOfAnUnknownAddress || !await IsUnknown(e, ModelOf(arguments.Context))),
            MaxRetryAttempts = Retries,
            DelayGenerator = arguments => new(Wait((ProviderException)arguments.Outcome.Exception!, arguments.AttemptNumber)),
            OnRetry = arguments =>
            {
                var (retried, fault) = (ModelOf(arguments.Context), (ProviderException)arguments.Outcome.Exception!);
                outages?.Retried(retried.Name, arguments.RetryDelay, fault);
                arguments.Context.Properties.GetValue(_meter, null)?.Waited(
                    new Wait(WaitCause.Provider, retried.Now, retried.Now + arguments.RetryDelay, fault.Message));
                return new(retried.Pause(arguments.RetryDelay, fault));
            },
        }).Build();

        static ModelLimiter ModelOf(ResilienceContext context) => context.Properties.GetValue(_model, null!);
    }

    /// <exception cref="ProviderException">A passing one says how long the provider is to be left alone.</exception>
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var name = options?.ModelId ?? _defaultModel;
        var model = _limiter.Of(name);
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(_model, model);
        context.Properties.Set(_meter, RequestMeter.Of(options));
        try
        {
            var reply = await _pipeline.ExecuteAsync(
                async attempt => await base.GenerateAsync(inputs, options, attempt.CancellationToken), context);
            _outages?.Answered(name);
            return reply;
        }
        catch (ProviderException e) when (e is { Fault: ProviderFault.Transient or ProviderFault.Configuration, IsCapReached: false })
        {
            var final = await RecordFinal(e, model);
            _outages?.Failed(name, final);
            if (final == e)
            {
                throw;
            }

            throw final;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Records a fault that no retry helped, so that the next caller does not try a provider that is known to fail.</summary>
    private static async Task<ProviderException> RecordFinal(ProviderException e, ModelLimiter model)
    {
        if (e.Fault == ProviderFault.Configuration || e.IsLocal)
        {
            return e;
        }

        if (await IsUnknown(e, model))
        {
            var mistake = new ProviderException(ProviderFault.Configuration, $"{e.Message} Nothing has answered there yet.", e);
            await model.OpenCircuit(mistake);
            return mistake;
        }

        var pause = e.RetryAfter ?? ModelLimiter.DefaultPause;
        await model.Pause(pause, e);
        return new ProviderException(ProviderFault.Transient, e.Message, e) { RetryAfter = pause };
    }

    private static async Task<bool> IsUnknown(ProviderException e, ModelLimiter model) => e.IsUnreachable && !await model.HasAnswered();

    private static bool MayRetry(ProviderException e, int attempt) => e.Fault switch
    {
        ProviderFault.Reply => attempt < RetriesThatMayCost,
        ProviderFault.Transient when e.IsTimeout => attempt < RetriesThatMayCost,
        ProviderFault.Transient => e.RetryAfter is null || e.RetryAfter <= ModelLimiter.LongestPause,
        _ => false,
    };

    // A requested wait is never shortened: an earlier attempt would only be refused again.
    private static TimeSpan? Wait(ProviderException e, int attempt) => e.RetryAfter is { } requested
        ? requested + TimeSpan.FromMilliseconds(Random.Shared.Next(20, 250))
        : _firstWait * Math.Pow(2, attempt) * (0.75 + (Random.Shared.NextDouble() / 2));
}
