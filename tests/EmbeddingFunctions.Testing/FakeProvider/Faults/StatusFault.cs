namespace EmbeddingFunctions.Testing;

internal sealed record StatusFault(string Called, int Code, string ContentType, byte[] Body) : Fault(Called)
{
    internal override Task ActAsync(Exchange exchange) => exchange.SendAsync(Code, ContentType, Body);
}
