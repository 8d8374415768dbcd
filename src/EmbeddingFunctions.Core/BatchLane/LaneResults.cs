using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.BatchLane;

/// <summary>
/// Takes what has become of a batch: each of its items ends embedded, pending, or failed with the reason. A line is dealt with once, so a
/// process that takes over goes on where the one before it ended.
/// </summary>
internal sealed class LaneResults(
    LaneStore store, LaneItems items, LaneSubmission submission, BatchEmbedder embedder, IVectorCache cache, Provider provider,
    LaneLedger ledger, EmbeddingSettings settings, LaneLimits limits, Redaction redaction, TimeProvider time, ILogger<LaneResults> log)
{
    private IBatchLane Lane => provider.Lane!;

    /// <summary>Moves a batch on.</summary>
    /// <param name="run">Its run, which is the caller's.</param>
    /// <param name="corpus">The run's corpus.</param>
    /// <param name="input">The run.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="isCancelled">Whether the run is to be cancelled.</param>
    /// <param name="cancellation">Ends it; what was written stays.</param>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task Take(
        LaneRun run, ResolvedCorpus corpus, RunInput input, LaneBatchRow batch, bool isCancelled, CancellationToken cancellation)
    {
        switch (batch)
        {
            case { Status: LaneBatchStatus.Building }:
                // Its process ended; the provider has no batch of it.
                Settle(RequestOutcome.Unreached, billed: 0);
                await items.Drop(batch.Id, cancellation);
                return;
            case { Status: LaneBatchStatus.Uploaded }:
                if (await IsWithdrawn(run, batch, isCancelled, cancellation))
                {
                    Settle(RequestOutcome.Unreached, billed: 0);
                }

                return;
        }

        var state = await Lane.Get(batch.ProviderId!, cancellation);
        if (state.Status != LaneStatus.OnItsWay)
        {
            await End(run, corpus, input, batch, state, isCancelled, cancellation);
        }
        else if (batch.IsOverdue)
        {
            await Lane.Cancel(state.Id, cancellation);
            Settle(RequestOutcome.Unknown, batch.Tokens);
            await items.Drop(batch.Id, cancellation);
            await store.Stop(run.Id, "The provider did not finish a batch within its 24 hours.", cancellation);
        }
        else if (isCancelled && batch.Status == LaneBatchStatus.Sent)
        {
            await Lane.Cancel(state.Id, cancellation);
            await store.Cancelling(batch.Id, cancellation);
        }

        void Settle(RequestOutcome outcome, long billed) => ledger.Settle(run, corpus.Model, batch, outcome, billed);
    }

    // The process ended after the upload: the provider may have the batch by now, though no one wrote down its id.
    private async Task<bool> IsWithdrawn(LaneRun run, LaneBatchRow batch, bool isCancelled, CancellationToken cancellation)
    {
        if (await Lane.Find(batch.Id, batch.CreatedAt, cancellation) is { } found)
        {
            await store.Sent(batch.Id, found.Id, cancellation);
        }
        else if (isCancelled)
        {
            await Lane.Delete(batch.InputFile!, cancellation);
            await items.Drop(batch.Id, cancellation);
            return true;
        }
        else
        {
            await submission.Create(run, batch.Id, batch.InputFile!, cancellation);
        }

        return false;
    }

    private async Task End(
        LaneRun run, ResolvedCorpus corpus, RunInput input, LaneBatchRow batch, LaneBatch state, bool isCancelled,
        CancellationToken cancellation)
    {
        var lines = new LaneLines(items, embedder, cache, redaction, time, corpus, input, batch.Id);
        if (state.Status == LaneStatus.Failed)
        {
            await Refused(run, lines, batch, state.Reasons, cancellation);
        }

        var billed = 0L;
        foreach (var file in new[] { state.Output, state.Errors }.OfType<string>())
        {
            await foreach (var reply in Lane.Read(file, cancellation))
            {
                Checkpoints.Reach(Checkpoint.DuringLaneDownload);
                billed += reply.Tokens;
                await lines.Take(reply, cancellation);
            }
        }

        if (state.Status == LaneStatus.Completed)
        {
            foreach (var line in await items.Lines(batch.Id, cancellation))
            {
                await lines.Take(Missing(line), cancellation);
            }
        }

        if (!isCancelled && lines.Embedded == 0 && Stops(state, lines) is { } reason)
        {
            await store.Stop(run.Id, reason, cancellation);
        }

        foreach (var file in new[] { batch.InputFile, state.Output, state.Errors }.OfType<string>())
        {
            await Lane.Delete(file, cancellation);
        }

        ledger.Settle(
            run, corpus.Model, batch, state.Status == LaneStatus.Failed ? RequestOutcome.Refused : RequestOutcome.Answered, billed);
        await items.Drop(batch.Id, cancellation);
        log.LaneBatchHasEnded(batch.Id, run.Id, state.Status, lines.Embedded);
    }

    // A batch that came to nothing would come to nothing again.
    private static string? Stops(LaneBatch state, LaneLines lines) => state.Status switch
    {
        LaneStatus.Completed => lines.Fault,
        LaneStatus.Expired => "The provider embedded nothing of a batch within its 24 hours.",
        LaneStatus.Cancelled => "A batch was cancelled at the provider.",
        _ => null,
    };

    private async Task Refused(
        LaneRun run, LaneLines lines, LaneBatchRow batch, IReadOnlyList<LaneError> reasons, CancellationToken cancellation)
    {
        if (reasons.FirstOrDefault(reason => reason.IsTokenLimit) is { } full)
        {
            // What the others have is what fits; alone, the batch itself was too large.
            var others = await store.QueuedTokens(lines.Model, cancellation) - batch.Tokens;
            var known = run.TokenLimit ?? settings.QueuedTokens;
            var limit = Math.Max(1, Math.Min(known, others > 0 ? others : batch.Tokens / 2));
            await store.Limit(run.Id, limit, limits.QueuePause, cancellation);
            log.LaneQueueIsFull(run.Id, limit, redaction.Clean(full.Message));
            return;
        }

        foreach (var reason in reasons.Where(reason => reason.Line is not null))
        {
            await lines.Take(
                new LaneReply(reason.Line, [], 0, new ProviderException(ProviderFault.Item, Words(reason))), cancellation);
        }

        var why = reasons.Count == 0 ? "no reason given" : Words(reasons[0]);
        await store.Stop(run.Id, $"The provider refused a batch: {why}", cancellation);
    }

    private string Words(LaneError error) => redaction.Clean($"{error.Message} ({error.Code})");

    private static LaneReply Missing(int line) => new(
        line, [], 0, new ProviderException(ProviderFault.Item, "the provider's batch has no readable answer for it"));
}
