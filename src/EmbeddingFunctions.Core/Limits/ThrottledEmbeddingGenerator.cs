using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Limits;

/// <summary>Sends a request only when few enough are in flight, the provider may be called, and what all processes may send in a minute has room for it.</summary>
internal sealed class ThrottledEmbeddingGenerator(
    IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, InFlight inFlight, string standardModel)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
{
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var meter = RequestMeter.Of(options);
        // What no batch counts, a person waits for.
        var tokens = RequestMeter.TokensOf(options) ?? inputs.Sum(input => TokenEstimate.Of(input));
        var request = new GateRequest(options?.ModelId ?? standardModel, tokens, IsForPerson: meter is null);
        await inFlight.Enter(cancellationToken);
        try
        {
            return await gate.Call(request, () => Send(inputs, request, meter, options, cancellationToken), cancellationToken);
        }
        finally
        {
            inFlight.Leave();
        }
    }

    // A failed request keeps what it took: the provider counts it too.
    private async Task<GeneratedEmbeddings<Embedding<float>>> Send(
        IReadOnlyList<string> inputs, GateRequest request, RequestMeter? meter, EmbeddingGenerationOptions? options, CancellationToken cancellation)
    {
        meter?.Sent();
        try
        {
            var reply = await base.GenerateAsync(inputs, options, cancellation);
            var used = (int)(reply.Usage?.InputTokenCount ?? request.Tokens);
            meter?.Paid(used);
            gate.Owe(request.Model, used - request.Tokens);
            inFlight.NoteWell();
            await Heed(request.Model, reply.AdditionalProperties?.TryGetValue(ProviderLimits.Property, out ProviderLimits? told) == true ? told : null);
            return reply;
        }
        catch (ProviderException e)
        {
            meter?.Paid(e.PaidTokens);
            if (e.IsOverload)
            {
                inFlight.NoteOverload();
            }

            await Heed(request.Model, e.Limits);
            throw;
        }
    }

    private Task Heed(string model, ProviderLimits? told) => told is null ? Task.CompletedTask : gate.Told(model, told);
}
