using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Testing;

/// <summary>
/// A request's way through the fake: key and limits at arrival, then the gate, then what was scripted, then the contract.
/// </summary>
internal sealed class EmbeddingsEndpoint(FakeServices services)
{
    public async Task HandleAsync(HttpContext http)
    {
        var sent = await EmbeddingsRequest.ReadAsync(http, services.Options);
        var knowsKey = sent.PresentedKey == services.ApiKey;
        var verdict = knowsKey ? services.Limits.Judge(sent) : services.Limits.Glance();
        var request = services.Audit.Arrive(sent);
        var gate = services.Gate.PassAsync(request, http.RequestAborted);
        // Announced last: a test that waited for this request may change the key or release the gate without racing it.
        services.Audit.Arrivals.Add();

        Exchange? exchange = null;
        try
        {
            await gate;
            exchange = new Exchange(http, request, verdict, services);
            await AnswerAsync(exchange, knowsKey, verdict);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The client left while held; there is no one to answer.
        }
        finally
        {
            if (exchange is null)
                services.Audit.Leave();
            else
                exchange.Leave();
        }
    }

    private Task AnswerAsync(Exchange exchange, bool knowsKey, RateVerdict verdict)
    {
        var sent = exchange.Request.Sent;
        if (!knowsKey)
            return exchange.RefuseAsync(Refusals.BadKey(sent.PresentedKey, services.Options.EchoWholeKey));
        if (verdict.Refusal is { } refusal)
        {
            if (verdict.Wait is { } wait)
                exchange.AddHeaders(RetryHint.Headers(wait));
            return exchange.RefuseAsync(refusal);
        }

        var (fault, positions) = services.Script.Find(exchange.Request);
        if (fault is null)
            return exchange.AnswerAsync();

        exchange.Meet(fault);
        exchange.Positions = positions;
        return fault.ActAsync(exchange);
    }
}
