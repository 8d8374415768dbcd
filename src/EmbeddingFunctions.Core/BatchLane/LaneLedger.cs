using EmbeddingFunctions.Costs;

namespace EmbeddingFunctions.BatchLane;

/// <summary>Enters each batch of the lane in the ledger as one request, at the lane's price.</summary>
internal sealed class LaneLedger(Ledger ledger, PriceTable prices)
{
    /// <exception cref="Providers.ProviderException">A cap does not allow the batch.</exception>
    public Task Open(LaneRun run, string model, LaneFile file, CancellationToken cancellation) => ledger.Open(
        Entry(run, model, file.Batch, file.Places.Count, file.Tokens), cancellation);

    /// <param name="run">The batch's run.</param>
    /// <param name="model">The batch's model.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="outcome">What became of it.</param>
    /// <param name="billed">The tokens of all its answers.</param>
    public void Settle(LaneRun run, string model, LaneBatchRow batch, RequestOutcome outcome, long billed) =>
        ledger.Settle(Entry(run, model, batch.Id, batch.Inputs, billed) with { Outcome = outcome });

    /// <summary>The provider never got the batch.</summary>
    public void Withdraw(LaneRun run, string model, LaneFile file) =>
        ledger.Settle(Entry(run, model, file.Batch, file.Places.Count, tokens: 0) with { Outcome = RequestOutcome.Unreached });

    private LedgerEntry Entry(LaneRun run, string model, Guid batch, int inputs, long tokens) => new(
        batch, run.Id, run.Corpus, model, OnBatchLane: true, inputs, tokens, prices.Of(model, tokens, isOnBatchLane: true));
}
