using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>Embeds one batch: claim and load, gate, call, write. No connection is held while the provider is called.</summary>
internal sealed class BatchEmbedder(
    BoundCorpora corpora, ClaimStore claims, TextEmbedder embedder, BatchWriter writer, Redaction redaction, TimeProvider time)
{
    /// <exception cref="Corpora.CorpusException">The corpus is not declared or the database not ready for it.</exception>
    public async Task<EmbeddedBatch> Embed(EmbedBatch batch, CancellationToken cancellation)
    {
        var corpus = await corpora.Get(batch.Corpus, cancellation);
        cancellation.ThrowIfCancellationRequested();
        // Not to be broken off: a claim that was committed unseen would wait for its lease to run out.
        var claim = await claims.Take(corpus, batch, CancellationToken.None);
        if (claim.Items.Count == 0)
        {
            return new EmbeddedBatch(new BatchCounts());
        }

        await using var lease = Lease.Keep(claim, claims, time);
        try
        {
            return await Embed(claim, batch, cancellation);
        }
        catch
        {
            // Given back at once and without charge; if even that fails, the lease runs out.
            await lease.Release();
            throw;
        }
    }

    private async Task<EmbeddedBatch> Embed(Claim claim, EmbedBatch batch, CancellationToken cancellation)
    {
        var gate = BatchGate.Sort(claim, forced: batch.ForceBefore is not null);
        var meter = new RequestMeter();
        var counts = new BatchCounts { Claimed = claim.Items.Count };
        ProviderException? fault = null;
        IReadOnlyList<EmbeddedText> vectors = [];
        try
        {
            vectors = gate.Texts.Count == 0 ? [] : await embedder.Embed(gate.Texts, claim.Table.Rule, meter, cancellation);
        }
        catch (ProviderException e)
        {
            fault = e;
        }

        counts = counts with { Requests = meter.Requests, Tokens = meter.Tokens };
        var (outcomes, failures) = gate.Settle(vectors);
        // What was paid for is written even if the run is being stopped.
        counts = await writer.Write(claim, batch.BatchId, outcomes, failures, counts, CancellationToken.None);
        if (fault is null)
        {
            return new EmbeddedBatch(counts);
        }

        await claims.Release(claim, CancellationToken.None);
        var reason = redaction.Clean(fault.Message);
        return fault.Fault == ProviderFault.Configuration
            ? new EmbeddedBatch(counts, Stop: reason)
            : new EmbeddedBatch(counts, time.GetUtcNow() + (fault.RetryAfter ?? TimeSpan.FromSeconds(1)), reason);
    }
}
