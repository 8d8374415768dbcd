namespace EmbeddingFunctions.Testing;

internal sealed record ConnectionFault(string Called, Func<Exchange, Task> Act) : Fault(Called)
{
    internal override Task ActAsync(Exchange exchange) => Act(exchange);
}
