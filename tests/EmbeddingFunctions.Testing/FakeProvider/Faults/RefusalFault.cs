namespace EmbeddingFunctions.Testing;

internal sealed record RefusalFault(string Called, Func<EmbeddingsRequest, FakeOpenAiOptions, Refusal> Refusal) : Fault(Called)
{
    internal override Task ActAsync(Exchange exchange) =>
        exchange.RefuseAsync(Refusal(exchange.Request.Sent, exchange.Options));
}
