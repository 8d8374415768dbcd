namespace EmbeddingFunctions.Testing;

internal sealed record ChosenFault(int Seed, IReadOnlyList<Fault> Faults) : Fault(nameof(OneOf))
{
    internal override Task ActAsync(Exchange exchange)
    {
        // Another seed than the script's, or Requests.AtRandom(p, seed) would only ever reach the first p of the list.
        var chance = Chance.Of(~Seed, exchange.Request.Entry.Number);
        var chosen = Faults[(int)(chance * Faults.Count)];
        exchange.Meet(chosen);
        return chosen.ActAsync(exchange);
    }
}
