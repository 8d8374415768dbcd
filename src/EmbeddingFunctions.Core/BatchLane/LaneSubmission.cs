using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.BatchLane;

/// <summary>
/// Sends what is pending, batch by batch, while the account's queue has room. Items that need no call, and those whose text is in the
/// cache, are written at once.
/// </summary>
internal sealed class LaneSubmission(
    LaneStore store, LaneItems items, RunPages pages, RunQueries runs, BatchEmbedder embedder, IVectorCache cache, Provider provider,
    LaneLedger ledger, EmbeddingSettings settings, LaneLimits limits, ILogger<LaneSubmission> log)
{
    // A batch smaller than this share of the limit is not worth its day while others are on their way.
    private const int SmallestShare = 4;

    private const int ItemsPerClaim = 500;

    private IBatchLane Lane => provider.Lane!;

    /// <returns>Whether more is to be sent later.</returns>
    /// <exception cref="ProviderException">The provider did not take a batch; what was not taken is pending.</exception>
    public async Task<bool> Send(LaneRun run, ResolvedCorpus corpus, RunInput input, CancellationToken cancellation)
    {
        var limit = run.TokenLimit ?? settings.QueuedTokens;
        while (true)
        {
            var queued = await store.QueuedTokens(corpus.Model, cancellation);
            if (queued > 0 && limit - queued < limit / SmallestShare)
            {
                return true;
            }

            var (isSent, hasMore) = await SendOne(run, corpus, input, limit - queued, cancellation);
            if (!isSent)
            {
                return hasMore;
            }
        }
    }

    /// <summary>Has the provider begin a batch whose file it has.</summary>
    public async Task Create(LaneRun run, Guid batch, string file, CancellationToken cancellation)
    {
        try
        {
            var created = await Lane.Create(file, batch, cancellation);
            Checkpoints.Reach(Checkpoint.AfterLaneCreate);
            await store.Sent(batch, created.Id, cancellation);
            log.LaneBatchIsSent(batch, run.Id, created.Id);
        }
        catch (ProviderException e) when (e.Fault != ProviderFault.Transient)
        {
            await items.Drop(batch, cancellation);
            await Lane.Delete(file, cancellation);
            throw;
        }
    }

    private async Task<(bool IsSent, bool HasMore)> SendOne(
        LaneRun run, ResolvedCorpus corpus, RunInput input, long room, CancellationToken cancellation)
    {
        var batch = Guid.CreateVersion7();
        await store.Add(batch, run.Id, corpus.Model, cancellation);
        await using var file = new LaneFile(batch, Lane, limits, corpus.Model, corpus.Corpus.Dimensions, room);
        var (isEntered, isSealed) = (false, false);
        try
        {
            var hasMore = await Fill(file, input, cancellation);
            file.Finish();
            if (file.Places.Count == 0)
            {
                return (false, hasMore);
            }

            await items.Record(batch, file, cancellation);
            await ledger.Open(run, corpus.Model, file, cancellation);
            isEntered = true;
            var uploaded = await Lane.Upload($"embeddings-{batch:N}.jsonl", file.Stream, cancellation);
            await store.Uploaded(batch, uploaded, cancellation);
            isSealed = true;
            Checkpoints.Reach(Checkpoint.AfterLaneUpload);
            await Create(run, batch, uploaded, cancellation);
            return (true, true);
        }
        finally
        {
            if (isEntered && !isSealed)
            {
                ledger.Withdraw(run, corpus.Model, file);
            }

            if (!isSealed)
            {
                await items.Drop(batch, CancellationToken.None);
            }
        }
    }

    /// <returns>Whether something was left that a later batch takes.</returns>
    private async Task<bool> Fill(LaneFile file, RunInput input, CancellationToken cancellation)
    {
        var request = input.Request;
        var done = (await runs.Sum(input.RunId, cancellation)).Claimed + await items.Count(input.RunId, cancellation);
        var left = request.Limit is { } most ? most - done : int.MaxValue;
        var cursor = "";
        while (left > 0 && !file.IsFull)
        {
            var page = await pages.Next(new PlanPage(input, cursor, [], left), cancellation);
            if (page.Batches.Count == 0)
            {
                return page.HeldUntil is not null;
            }

            var taken = 0;
            foreach (var planned in page.Batches.TakeWhile(_ => !file.IsFull))
            {
                var placed = 0;
                var batch = new EmbedBatch(
                    input.RunId, Guid.CreateVersion7(), request.Corpus, planned.Kind, planned.Partition,
                    Math.Min(planned.Count, ItemsPerClaim), input.Opened!.ForceBefore, request.IsScheduled, request.Selection);
                var embedded = await embedder.Embed(
                    batch, async (triage, claim, _, token) => placed = await Place(file, batch, triage, claim, token), cancellation);
                taken += placed + embedded.Counts.Claimed;
            }

            if (taken == 0)
            {
                // What is left waits for a text that is on its way, or for another worker.
                return true;
            }

            (cursor, left) = (page.Cursor, left - taken);
        }

        return file.IsFull;
    }

    private async Task<int> Place(LaneFile file, EmbedBatch batch, BatchTriage triage, Claim claim, CancellationToken cancellation)
    {
        var cached = triage.Texts.Count == 0 ? null : await cache.Find(
            triage.Texts.Select(text => text.Fingerprint).ToList(), claim.Table.Rule.Dimensions, batch.ForceBefore, cancellation);
        foreach (var text in triage.Texts)
        {
            if (cached!.TryGetValue(text.Fingerprint, out var vector))
            {
                text.Embedded(vector, fromCache: true);
            }
        }

        var waiting = triage.Waiting.Where(item => item.Parts.Any(part => part.IsUndecided)).ToList();
        var elsewhere = waiting.Count == 0 ? null : await items.OnTheirWay(
            batch.Corpus, waiting.Select(item => item.Hash).ToArray(), file.Batch, cancellation);
        var placed = new List<PlacedItem>();
        foreach (var (item, hash, parts) in waiting.Where(item => !elsewhere!.Contains(item.Hash)))
        {
            var lines = file.Place(item, parts.Where(part => part.IsUndecided).ToList());
            if (file.IsFull)
            {
                break;
            }

            placed.AddRange(lines.Select(line => new PlacedItem(item.Id, hash, line)));
        }

        await items.Hold(claim, file.Batch, placed, cancellation);
        return placed.Select(item => item.Id).Distinct().Count();
    }
}
