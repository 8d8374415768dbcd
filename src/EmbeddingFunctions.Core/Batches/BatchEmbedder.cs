using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Telemetry;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Batches;

/// <summary>Embeds one batch: claim and load, triage, call, write. No connection is held while the provider is called.</summary>
internal sealed class BatchEmbedder(
    ResolvedCorpora corpora, ClaimStore claims, CachingTextEmbedder embedder, BatchWriter writer, BatchSizes sizes, Pauses pauses,
    WaitStore waits, Redaction redaction, LeaseKeeper leases, TimeProvider time, ILogger<BatchEmbedder> log)
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _lookAgain = TimeSpan.FromMilliseconds(100);

    // An order ends early rather than late: what is left of it is planned again.
    private static readonly TimeSpan _longestOrder = TimeSpan.FromMinutes(2);

    /// <summary>Embeds an order's batches until they are done or the provider, the run or the host wants no more.</summary>
    /// <returns>What all of them did.</returns>
    /// <param name="command">What to embed.</param>
    /// <param name="isUnwanted">Is asked between two batches.</param>
    /// <param name="stopping">No more batches; the one in flight gets five seconds.</param>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for the corpus.</exception>
    /// <exception cref="OperationCanceledException">What was paid for by then is written, the rest given back.</exception>
    public async Task<EmbeddedBatch> EmbedAll(EmbedBatch command, Func<Task<bool>> isUnwanted, CancellationToken stopping)
    {
        var (begun, counts, left) = (time.GetTimestamp(), new BatchCounts(), command.Count);
        for (var index = 0; ; index++)
        {
            stopping.ThrowIfCancellationRequested();
            using var grace = new Grace(time, stopping);
            var size = await Size(command, left, grace.Token);
            var batch = await Embed(command.Part(index, size), grace.Token);
            counts += batch.Counts;
            left -= batch.Counts.Claimed;
            if (left <= 0 || batch is not { Counts.Claimed: > 0, RetryAt: null, Stop: null } || stopping.IsCancellationRequested
                || time.GetElapsedTime(begun) > _longestOrder || command.BatchSize is null || await isUnwanted())
            {
                return batch with { Counts = counts };
            }
        }
    }

    private async Task<int> Size(EmbedBatch command, int left, CancellationToken cancellation) => Math.Min(left, command switch
    {
        { BatchSize: null } => left,
        { IsSizeAutomatic: true } => sizes.Of((await corpora.Get(command.Corpus, cancellation)).Corpus, command.Kind),
        { BatchSize: { } planned } => planned,
    });

    /// <exception cref="DatabaseNotReadyException">The database is not ready for the corpus.</exception>
    /// <exception cref="OperationCanceledException">What was paid for by then is written, the rest given back.</exception>
    public Task<EmbeddedBatch> Embed(EmbedBatch batch, CancellationToken cancellation) => Embed(
        batch, (triage, claim, meter, token) => embedder.Embed(triage.Texts, claim, meter, batch.ForceBefore, token), cancellation);

    /// <summary>The same, where texts are decided otherwise than by asking the provider now.</summary>
    /// <param name="batch">What to claim.</param>
    /// <param name="decide">Decides texts; items of which one stays undecided are given back.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<EmbeddedBatch> Embed(EmbedBatch batch, DecideTexts decide, CancellationToken cancellation)
    {
        using var span = BatchSpan.Begin(batch);
        try
        {
            return BatchSpan.Of(span, await EmbedNow(batch, decide, cancellation));
        }
        catch (Exception e)
        {
            span.Failed(e);
            throw;
        }
    }

    private async Task<EmbeddedBatch> EmbedNow(EmbedBatch batch, DecideTexts decide, CancellationToken cancellation)
    {
        // What has come back from the provider's batch lane is in flight.
        if (batch.Line is null && await pauses.IsPaused(batch.Corpus, cancellation))
        {
            var (now, until) = (time.GetUtcNow(), time.GetUtcNow() + Pauses.LookAgain);
            await waits.Record(batch.RunId, [new Wait(WaitCause.Paused, now, until)]);
            return new EmbeddedBatch(new BatchCounts(), until, IsPaused: true);
        }

        var corpus = await corpora.Get(batch.Corpus, cancellation);
        var (claim, noLane) = await Claim(corpus, batch, cancellation);
        if (claim.Items.Count == 0)
        {
            if (batch.Line is null)
            {
                await claims.RefuseUnwritable(corpus, batch, cancellation);
            }

            return new EmbeddedBatch(await writer.Recorded(batch.BatchId, cancellation), NoLane: noLane);
        }

        Checkpoints.Reach(Checkpoint.AfterClaim);
        if (claim.Items.Count(item => item.WasLost) is > 0 and var lost)
        {
            log.ClaimsAreTakenOver(batch.RunId, lost, batch.Kind);
        }

        await using var lease = leases.Keep(claim);
        var isSettled = false;
        try
        {
            var embedded = await Embed(claim, batch, decide, cancellation);
            isSettled = embedded.Counts.Settled == claim.Items.Count;
            return embedded;
        }
        finally
        {
            if (!isSettled)
            {
                await lease.ReleaseUncharged();
            }
        }
    }

    // If no lane is free because other runs embed or claim from the partition, waits a little before giving up.
    private async Task<(Claim Claim, bool NoLane)> Claim(ResolvedCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        using var span = BatchSpan.Part("claim");
        for (var waited = TimeSpan.Zero; ; waited += _lookAgain)
        {
            cancellation.ThrowIfCancellationRequested();
            // Not cancelled: a claim that was committed unseen would wait for its lease to run out.
            var claim = await claims.Take(corpus, batch, CancellationToken.None);
            var noLane = claim.Items.Count == 0
                && !(claim.HadTurn && (batch.Line is not null || await claims.HasFreeLane(corpus, batch.Partition, cancellation)));
            if (!noLane || waited >= _patience)
            {
                return (claim, noLane);
            }

            await Task.Delay(_lookAgain, time, cancellation);
        }
    }

    private async Task<EmbeddedBatch> Embed(Claim claim, EmbedBatch batch, DecideTexts decide, CancellationToken cancellation)
    {
        var begun = time.GetTimestamp();
        var triage = BatchTriage.Sort(claim);
        var meter = new RequestMeter(new RequestOrigin(batch.Corpus, batch.RunId, batch.IsCapped));
        var fault = await Call(() => decide(triage, claim, meter, cancellation), cancellation);
        var (outcomes, failures) = triage.Settle();
        // What is given back was not claimed: it does not count towards a run's limit.
        var counts = new BatchCounts
        {
            Claimed = outcomes.Count + failures.Count,
            Cached = triage.Cached,
            SavedTokens = triage.SavedTokens,
            Requests = meter.Requests,
            Tokens = meter.Tokens
        };
        // What was paid for is written even if the run is being stopped.
        Checkpoints.Reach(Checkpoint.BeforeCommit);
        using (BatchSpan.Part("write"))
        {
            counts = await writer.Write(claim, batch.BatchId, outcomes, failures, counts, CancellationToken.None);
        }

        Checkpoints.Reach(Checkpoint.AfterCommit);
        BatchMetrics.Record(batch.Corpus, counts);
        RecordTime(claim, triage.Texts.Count, meter, time.GetElapsedTime(begun), fault);
        var embedded = Embedded(counts, fault, cancellation);
        if (embedded.RetryAt is { } until)
        {
            meter.Waited(new Wait(WaitCause.Provider, time.GetUtcNow(), until, embedded.RetryReason));
        }

        await waits.Record(batch.RunId, meter.Waits);
        return embedded;
    }

    private EmbeddedBatch Embedded(BatchCounts counts, Exception? fault, CancellationToken cancellation) => fault switch
    {
        null => new EmbeddedBatch(counts),
        ProviderException { Fault: ProviderFault.Configuration } stop =>
            new EmbeddedBatch(counts, Stop: redaction.Clean(fault.Message), IsCapReached: stop.IsCapReached),
        ProviderException passing => new EmbeddedBatch(
            counts, time.GetUtcNow() + (passing.RetryAfter ?? ModelLimiter.DefaultPause), redaction.Clean(fault.Message)),
        _ => throw new OperationCanceledException(fault.Message, fault, cancellation),
    };

    private void RecordTime(Claim claim, int inputs, RequestMeter meter, TimeSpan elapsed, Exception? fault)
    {
        var wasTooMuch = fault is ProviderException { IsTimeout: true } or ProviderException { IsOverload: true };
        if (fault is null || wasTooMuch)
        {
            sizes.Record(
                claim.Corpus.Corpus, claim.Table.Kind, new BatchTime(claim.Items.Count, inputs, meter.Tokens, elapsed, wasTooMuch));
        }
    }

    /// <returns>Why not all texts were decided upon, or null.</returns>
    private static async Task<Exception?> Call(Func<Task> decide, CancellationToken cancellation)
    {
        using var span = BatchSpan.Part("call");
        try
        {
            await decide();
            return null;
        }
        catch (Exception e) when (e is ProviderException || (e is OperationCanceledException && cancellation.IsCancellationRequested))
        {
            span.Failed(e);
            return e;
        }
    }
}

/// <summary>Gives a batch's texts their vectors or failures, as far as it can.</summary>
internal delegate Task DecideTexts(BatchTriage triage, Claim claim, RequestMeter meter, CancellationToken cancellation);
